"""The lines of a launch that writes to no terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from orchestrator.run import progress
from orchestrator.run.progress import show_progress
from orchestrator.run.state import SweepState
from tests.support.harness import wait_until
from tests.support.rows import ifgsm


def test_plain_lines_say_what_speaks_against_the_best_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY", 0.0)
    monkeypatch.setattr(progress, "REFRESH", 0.01)
    state, sink = SweepState(trials=2, jobs=2, reused=0, expected={}), io.StringIO()
    for row in (ifgsm("8/255", 5, 600), ifgsm("8/255", 20, 450)):
        state.add_row(row)
    with show_progress(state, Console(file=sink, force_terminal=False, width=400)):
        assert wait_until(lambda: "best so far" in sink.getvalue())
    lines = sink.getvalue().splitlines()
    said = [line for line in lines if "best so far" in line]
    assert len(said) == 1, "said once, until another is the best"
    assert "robust 45.00 % [upper bound] (" in said[0]
    assert "; upper bound: to settle it, add steps" in said[0]
