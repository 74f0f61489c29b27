"""`advsweep plugins`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.harness import advsweep
from tests.support.plugin_texts import write_parts


def test_own_parts_stand_beside_ours_with_their_source(tmp_path: Path) -> None:
    files = [word for file in write_parts(tmp_path) for word in ("--plugin", str(file))]
    (tmp_path / "broken.py").write_text("1 / 0")
    ended = advsweep("plugins", *files, "--plugin", tmp_path / "broken.py", "--json")
    own = {(part["kind"], part["name"]): part for part in json.loads(ended.stdout) if part["source"] != "advsweep"}
    assert own.keys() == {
        ("model", "tiny_cnn"), ("data set", "stripes"), ("attack", "darken"), ("objective", "margin"),
        ("importance", "spread"),
    }  # fmt: skip
    assert own["model", "tiny_cnn"]["source"] == "lab_model"
    assert own["model", "tiny_cnn"]["version"].startswith("sha256 ")
    assert "broken.py: ZeroDivisionError: division by zero" in ended.stderr
