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
from orchestrator.status.watch import Watch, build_display
from orchestrator.store.heartbeat import BEAT
from orchestrator.store.sweep_store import SweepStore
from tasks.errors import UnreadableError
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


RUN = {"stage": "train", "key": "abcdef0123456789", "where": "node7 pid 42", "model": "resnet8", "seed": 4,
       "what": "", "epoch": None, "epochs": None, "seconds": 30.0}  # fmt: skip
FACTS: dict[str, Any] = {
    "sweep_id": "digits-1", "state": "running", "detail": "", "trials": 9, "finished": 2, "failed": 0, "failures": 0,
    "preemptions": 0, "stages": 40, "stages_stored": 12, "jobs": 38, "jobs_done": 10, "reused": 3, "silent": False,
    "eta_seconds": None, "eta_is_least": False, "best": None, "best_doubt": None, "running": [RUN],
}  # fmt: skip


def follow_once(
    facts: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    """The lines that are printed of a sweep that runs while it is looked at, and not any more."""
    looks = iter([[facts], []])
    played: Any = SimpleNamespace(look=lambda: next(looks), goes_on=bool)
    monkeypatch.setattr(watch, "Watch", lambda *_: played)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    watch.follow(SimpleNamespace(), None, Console(file=io.StringIO()), as_json=False)  # type: ignore[arg-type]
    *lines, last = capsys.readouterr().out.splitlines()
    assert last == "no sweeps yet"
    return lines


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"eta_seconds": None}, "reused 3, ETA -; train abcdef01 on node7 pid 42"),
        ({"eta_seconds": 4.9}, "reused 3, ETA 10 s; train abcdef01 on node7 pid 42"),
        ({"eta_seconds": 86.0}, "reused 3, ETA 1 min 30 s; train abcdef01 on node7 pid 42"),
        ({"eta_seconds": 84.0}, "reused 3, ETA 1 min 20 s; train abcdef01 on node7 pid 42"),
        ({"running": []}, "reused 3, ETA -; nothing runs yet"),
        (
            {"running": [RUN, {**RUN, "stage": "attack", "key": "99999999aa"}]},
            "reused 3, ETA -; train abcdef01 on node7 pid 42, attack 99999999 on node7 pid 42",
        ),
        ({"state": "stopped"}, None),
    ],
)
def test_a_line_stays_the_same_while_nothing_but_time_passes(
    changes: dict[str, Any], says: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = [] if says is None else [f"digits-1: trials 2/9, jobs 10/38, {says}"]
    assert follow_once({**FACTS, **changes}, monkeypatch, capsys) == expected


def test_a_line_names_twenty_stages_at_most(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    many = [{**RUN, "key": f"{number:08d}ff"} for number in range(22)]
    (line,) = follow_once({**FACTS, "running": many}, monkeypatch, capsys)
    assert line.count("train ") == 20
    assert line.endswith("train 00000019 on node7 pid 42")


def test_a_panel_stands_below_each_sweep_that_runs_and_below_no_other() -> None:
    rest = {**FACTS, "sweep_id": "mnist-2", "state": "stopped", "detail": "interrupted", "stages_stored": 39}
    screen = io.StringIO()
    Console(file=screen, width=120).print(build_display([rest, FACTS]))
    lines = [line.rstrip() for line in screen.getvalue().splitlines()]
    assert lines[:3] == [
        "mnist-2: stopped (interrupted), 39/40 stages stored",
        "digits-1: running, 12/40 stages stored",
        "trials 2/9, jobs 10/38, reused 3, ETA -",
    ]
    assert "train" in lines[4]
    assert lines[-1] == "best so far: -"


def test_a_sweep_that_cannot_be_read_is_named_and_the_others_are_shown(
    sweep: SweepStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was forgotten since it was listed is left out without a word."""
    errors: dict[str, Exception] = {"gone": FileNotFoundError(), "broken": UnreadableError("plan.json is torn")}
    monkeypatch.setattr(watch, "list_sweeps", lambda _: ["broken", sweep.sweep_id, "gone"])

    def collect(_: Any, sweep_id: str, pulse: Any) -> dict[str, Any]:
        assert pulse is not None, "a clock that differs is seen by the second look"
        if sweep_id in errors:
            raise errors[sweep_id]
        return {"sweep_id": sweep_id}

    monkeypatch.setattr(watch, "collect_facts", collect)
    told: list[Exception] = []
    monkeypatch.setattr(watch, "note_passed_over", told.append)
    assert Watch(sweep.storage, None).look() == [{"sweep_id": sweep.sweep_id}]
    assert told == [errors["broken"]]
