"""`advsweep init`."""

from __future__ import annotations

from pathlib import Path

from orchestrator.space.template import TEMPLATE
from tests.support.command_line import run_here


def test_a_space_is_written_once(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    assert "advsweep plan --space" in run_here("init", str(file)).stdout
    assert file.read_text() == TEMPLATE
    ended = run_here("init", str(file))
    assert (ended.code, file.read_text()) == (2, TEMPLATE)
    assert "exists already" in ended.stderr
