"""The state of a sweep: counts, and how long it will still take."""

from __future__ import annotations

from typing import Any, cast

import pytest

from orchestrator.plan.plan import make_plan
from orchestrator.run import state as states
from orchestrator.run.remaining_time import Remaining, Task
from orchestrator.run.state import SweepState
from orchestrator.space import space as spaces
from tasks.trial.chain import Stage
from tests.conftest import CONFIG


class Clock:
    """The time."""

    def __init__(self) -> None:
        self.now = 50.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(states, "time", found)
    return found


@pytest.fixture
def chain() -> tuple[Stage, ...]:
    return make_plan(spaces.build("test", "test", dict(CONFIG)), None).trials[0].chain


def make_state(clock: Clock, chain: tuple[Stage, ...], **more: Any) -> SweepState:
    """Of five jobs that are alike."""
    tasks = {stage.key: Task(("attack",), 1.0) for stage in chain}
    return SweepState(2, len(chain), 0, tasks, started=clock.now, **more)


def test_runs_are_counted_by_how_they_end(clock: Clock, chain: tuple[Stage, ...]) -> None:
    state = make_state(clock, chain)
    for stage in chain[:4]:
        state.start_run([stage], "host pid 1")
    clock.now += 3
    assert [entry["seconds"] for entry in state.collect_facts()["running"]] == [3.0] * 4
    state.finish_job([chain[0]])
    state.fail_run([chain[1]], True)
    state.fail_run([chain[2]], False)
    state.lose_run([chain[3]])
    facts = state.collect_facts()
    assert facts["running"] == []
    counted = {name: facts[name] for name in ("jobs_done", "failures", "retries", "preemptions")}
    assert counted == {"jobs_done": 1, "failures": 2, "retries": 1, "preemptions": 1}


def test_the_time_that_is_left_goes_by_what_ran_so_far(clock: Clock, chain: tuple[Stage, ...]) -> None:
    state = make_state(clock, chain, forecast=100.0)
    clock.now += 20  # Ray starts
    assert state.estimate_remaining() == Remaining(80.0, is_least=False), "as forecast, before anything is done"
    state.start_run([chain[0]], "")
    clock.now += 4
    state.finish_job([chain[0]])
    assert len(chain) == 5
    assert state.estimate_remaining() == Remaining(16.0, is_least=False)
    state.give_up([chain[1]])
    assert state.estimate_remaining() == Remaining(12.0, is_least=False), "of what will run"
    facts = state.collect_facts()
    assert (facts["eta_seconds"], facts["eta_is_least"]) == (pytest.approx(12.0), False)


def test_nothing_is_promised_where_nothing_was_ever_timed(clock: Clock, chain: tuple[Stage, ...]) -> None:
    assert make_state(clock, chain).estimate_remaining() is None


def test_rows_of_earlier_launches_count(clock: Clock, chain: tuple[Stage, ...]) -> None:
    old = cast("Any", {"trial_id": "a", "status": "finished"})
    state = make_state(clock, chain, rows={"a": old})
    state.add_row(cast("Any", {"trial_id": "b", "status": "failed"}))
    assert state.count_trials() == (1, 1)


def test_what_runs_says_its_settings_and_its_epoch(clock: Clock, chain: tuple[Stage, ...]) -> None:
    state = make_state(clock, chain)
    state.note_epoch(chain[0].key, {"epoch": 0})
    for stage in chain:
        state.start_run([stage], "")
    state.note_epoch(chain[3].key, {"epoch": 0})
    shown = [(entry["what"], entry["epoch"], entry["epochs"]) for entry in state.collect_facts()["running"]]
    assert shown == [
        ("", None, 2),
        ("ratio 0.5", None, None),
        ("", None, 1),
        ("lambda 0.5, ifgsm 8/255", 1, 1),
        ("ifgsm 8/255, 3 steps", None, None),
    ]


def test_the_time_that_is_left_counts_pauses_between_jobs_too(clock: Clock, chain: tuple[Stage, ...]) -> None:
    state = make_state(clock, chain)
    state.start_run([chain[0]], "")
    clock.now += 4
    state.finish_job([chain[0]])
    clock.now += 4
    state.start_run([chain[1]], "")
    assert state.estimate_remaining() == Remaining(32.0, is_least=False), "four of four seconds, half of the time idle"


@pytest.mark.parametrize("end", ["finish", "fail", "lose"])
def test_a_run_of_several_stages_is_known_by_its_first(end: str, clock: Clock, chain: tuple[Stage, ...]) -> None:
    """Such as attacks that differ in their steps alone."""
    state, own, other = make_state(clock, chain), chain[:2], chain[2:4]
    for stages in (own, other):
        state.start_run(stages, "host pid 1")
    match end:
        case "finish":
            state.finish_job(own)
        case "fail":
            state.fail_run(own, True)
        case "lose":
            state.lose_run(own)
    assert [entry["key"] for entry in state.collect_facts()["running"]] == [other[0].key]
