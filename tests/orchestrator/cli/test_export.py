"""`advsweep export`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.orchestrator.cli.conftest import Finished


def test_a_model_is_written_once(finished: Finished, tmp_path: Path) -> None:
    out = tmp_path / "model"
    told = json.loads(finished.ask("export", finished.trials[0], "--out", out, "--json").stdout)
    assert told == {"folder": str(out), "example": str(out / "example.py")}
    assert (out / "example.py").is_file()
    again = finished.ask("export", finished.trials[0], "--out", out, code=2)
    assert again.stderr == f"error: --out {out}: exists already\n"
    other = tmp_path / "other"
    shown = finished.ask("export", finished.trials[1], "--out", other).stdout
    assert shown == f"{other}: run `python {other / 'example.py'}`\n"
