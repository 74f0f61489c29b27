"""The lines of a launch that writes to no terminal."""

from __future__ import annotations

import io
import os
from typing import Any

import pytest
from rich.console import Console

from orchestrator.plan.plan import make_plan
from orchestrator.run import progress
from orchestrator.run.progress import LINE_EVERY, QUIET, PlainLines, report_waiting, show_progress
from orchestrator.run.state import SweepState
from orchestrator.space import space as spaces
from tests.conftest import CONFIG
from tests.support.harness import wait_until
from tests.support.rows import ifgsm


def open_console() -> tuple[Console, io.StringIO]:
    sink = io.StringIO()
    return Console(file=sink, force_terminal=False, width=400), sink


def test_plain_lines_say_what_speaks_against_the_best_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY", 0.0)
    monkeypatch.setattr(progress, "REFRESH", 0.01)
    state, (console, sink) = SweepState(trials=2, jobs=2, reused=0), open_console()
    for row in (ifgsm("8/255", 5, 600), ifgsm("8/255", 20, 450)):
        state.add_row(row)
    with show_progress(state, console):
        assert wait_until(lambda: "best so far" in sink.getvalue())
    lines = sink.getvalue().splitlines()
    said = [line for line in lines if "best so far" in line]
    assert len(said) == 1, "said once, until another is the best"
    assert "robust 45.00 % [upper bound] (" in said[0]
    assert "; upper bound: to settle it, add steps" in said[0]


def test_a_line_follows_what_has_ended_and_after_a_while_what_runs() -> None:
    chain = make_plan(spaces.build("test", "test", dict(CONFIG)), None).trials[0].chain
    state, (console, sink) = SweepState(trials=1, jobs=len(chain), reused=0), open_console()
    lines = PlainLines(state, console)

    def look(now: float) -> list[str]:
        sink.seek(0)
        sink.truncate()
        lines.look(now)
        return [line.partition("] ")[2] for line in sink.getvalue().splitlines() if not line.startswith("  best")]

    counts = "trials 0/1, jobs {}/5, reused 0, ETA -"
    assert look(100.0) == [f"{counts.format(0)}; nothing runs now"]
    state.start_run([chain[0]], "here")
    assert look(100.0 + QUIET - 1) == [], "nothing has ended"
    (line,) = look(100.0 + QUIET)
    assert line.startswith(f"{counts.format(0)}; runs train resnet8 seed 0 epoch 0/2 for ")
    assert look(100.0 + 2 * QUIET - 1) == []
    assert len(look(100.0 + 2 * QUIET)) == 1, "again and again, however long it takes"
    state.finish_job([chain[0]])
    assert look(100.0 + 2 * QUIET + LINE_EVERY - 1) == [], "not so soon"
    assert look(100.0 + 2 * QUIET + LINE_EVERY) == [counts.format(1)]


@pytest.mark.parametrize(("load", "niceness", "said"), [(9.0, None, 1), (3.0, None, 0), (9.0, "0", 0)])
def test_of_a_first_epoch_that_does_not_end_on_a_busy_machine_it_is_said_once_what_helps(
    monkeypatch: pytest.MonkeyPatch, load: float, niceness: str | None, said: int
) -> None:
    monkeypatch.delenv("RAY_worker_niceness", raising=False)
    if niceness is not None:
        monkeypatch.setenv("RAY_worker_niceness", niceness)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    chain = make_plan(spaces.build("test", "test", dict(CONFIG)), None).trials[0].chain
    state, (console, sink) = SweepState(trials=1, jobs=len(chain), reused=0), open_console()
    state.start_run([chain[0]], "here")
    lines = PlainLines(state, console)
    lines.look(0.0)
    assert "RAY_worker_niceness=0" not in sink.getvalue(), "a minute is not over"
    monkeypatch.setattr(progress, "SLOW", -1.0)
    for look in range(1, 4):
        lines.look(look * QUIET)
    assert sink.getvalue().count("RAY_worker_niceness=0 before the launch") == said


def test_what_goes_on_before_the_first_line_is_said_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "QUIET", 0.01)
    console, sink = open_console()
    with report_waiting(console, "Ray is being started"):
        assert wait_until(lambda: "s] Ray is being started\n" in sink.getvalue())
    said: Any = sink.getvalue()
    monkeypatch.setattr(progress, "QUIET", 60.0)
    with report_waiting(console, "something else"):
        pass
    assert sink.getvalue() == said, "what is quickly over needs no line"
