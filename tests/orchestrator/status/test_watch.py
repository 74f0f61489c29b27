"""Watching sweeps that run elsewhere: as lines, and as a live display."""

from __future__ import annotations

import io
import json
import time
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from orchestrator.status import watch
from orchestrator.status.watch import Watch
from orchestrator.store.heartbeat import BEAT
from orchestrator.store.sweep_store import SweepStore
from tests.support.driver_signs import beating


def test_watching_ends_with_the_sweep(
    sweep: SweepStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    driver, looks = beating(sweep), list[float]()

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            driver.end("interrupted")

    monkeypatch.setattr(time, "sleep", sleep)
    watch.follow(sweep.storage, None, Console(file=io.StringIO()), as_json=False)
    *lines, _, _, last, _ = [*capsys.readouterr().out.splitlines(), ""]
    assert len(looks) == 3
    assert [line for line in lines if line.startswith(sweep.sweep_id)] == [
        f"{sweep.sweep_id}: trials 0/8, jobs 6/14, reused 3, ETA 1 min 30 s; train abababab on node7 pid 42"
    ], "it is not said again while nothing but time passes"
    assert "stopped" in last


def test_the_live_display_shows_one_panel_and_leaves_the_table(
    sweep: SweepStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    driver, screen = beating(sweep), io.StringIO()
    monkeypatch.setattr(time, "sleep", lambda _: driver.end("interrupted"))
    watch.follow(sweep.storage, None, Console(file=screen, force_terminal=True, width=120), as_json=False)
    assert "node7 pid 42" in screen.getvalue()
    assert "jobs 6/14" in screen.getvalue()
    assert "stopped (interrupted)" in capsys.readouterr().out


def test_a_sweep_is_watched_by_the_beginning_of_its_name(sweep: SweepStore) -> None:
    (fact,) = Watch(sweep.storage, sweep.sweep_id[:6]).look()
    assert fact["sweep_id"] == sweep.sweep_id


@pytest.mark.parametrize(
    ("states", "silent", "seconds", "goes_on"),
    [
        (["stopped", "running"], [False, False], 99.0, True),
        (["stopped", "finished"], [False, False], 0.0, False),
        (["stopped", "stopped"], [False, True], 9.9, True),
        (["stopped", "stopped"], [False, True], 10.0, False),
        ([], [], 0.0, False),
    ],
)
def test_there_is_more_to_see_while_one_of_them_runs_or_may_only_seem_dead(
    states: list[str], silent: list[bool], seconds: float, goes_on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    found = Watch(SimpleNamespace(), None)  # type: ignore[arg-type]
    clock[0] += seconds
    facts = [{"state": state, "silent": quiet} for state, quiet in zip(states, silent, strict=True)]
    assert 2 * BEAT == 10.0
    assert found.goes_on(facts) is goes_on


def test_json_comes_line_by_line_as_it_changes_to_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks: list[Any] = [[{"n": 1}], [{"n": 1}], [{"n": 2}], [{"n": 3}]]
    played: Any = SimpleNamespace(look=lambda: looks.pop(0), goes_on=lambda facts: facts[0]["n"] != 3)
    monkeypatch.setattr(watch, "Watch", lambda *_: played)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    watch.follow(SimpleNamespace(), None, Console(file=io.StringIO(), force_terminal=True), as_json=True)  # type: ignore[arg-type]
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [[{"n": 1}], [{"n": 2}], [{"n": 3}]]
