"""What a running sweep hears goes to the board, the rows, the state and the faults, and to nobody else."""

from __future__ import annotations

from typing import Any, cast

import pytest

from orchestrator.plan.plan import Plan, make_plan
from orchestrator.run.sweep import RunningSweep
from orchestrator.space import space as spaces
from orchestrator.store.fault_log import FAILURE, PREEMPTION
from tasks.trial.chain import Stage
from tests.conftest import CONFIG


class Notebook:
    """Stands for everything that a sweep hands on to: notes who was called with what."""

    def __init__(self, name: str, notes: list[tuple[Any, ...]]) -> None:
        self._name, self._notes = name, notes
        self.rows = {"t": {"trial_id": "t"}}

    def __getattr__(self, method: str) -> Any:
        def note(*arguments: Any, **options: Any) -> None:
            self._notes.append((f"{self._name}.{method}", *arguments, *options.values()))

        return note


@pytest.fixture
def plan() -> Plan:
    return make_plan(spaces.build("test", "test", dict(CONFIG)), None)


@pytest.fixture
def notes() -> list[tuple[Any, ...]]:
    return []


def make_sweep(notes: list[tuple[Any, ...]], *, online: bool = False) -> RunningSweep:
    parts = [Notebook(name, notes) for name in ("state", "board", "rows", "faults", "heartbeat", "wandb")]
    return RunningSweep(cast("Any", None), *cast("Any", [*parts, online, lambda text: notes.append(("say", text))]))


@pytest.fixture
def stages(plan: Plan) -> list[Stage]:
    return [next(stage for stage in plan.stages.values() if stage.kind == "train")]


def test_a_start_changes_the_state_alone(stages: list[Stage], notes: list[tuple[Any, ...]]) -> None:
    make_sweep(notes).on_started(stages, "host pid 1")
    assert notes == [("state.start_run", stages, "host pid 1")]


def test_records_are_there_for_rows_before_a_trial_that_waits_hears_of_them(
    stages: list[Stage], notes: list[tuple[Any, ...]]
) -> None:
    record = {"metrics": {"robust_correct": 3}}
    make_sweep(notes).on_finished(stages, [record])
    found = {stages[0].key: record}
    assert notes == [("rows.add_records", found), ("state.finish_job", stages), ("board.post_records", found)]


def test_a_failure_that_is_tried_again_is_a_fault_and_no_end(stages: list[Stage], notes: list[tuple[Any, ...]]) -> None:
    make_sweep(notes).on_failed(stages, "ValueError: bad", "trace", True)
    assert notes == [
        ("state.fail_run", stages, True),
        ("faults.record", FAILURE, stages, "ValueError: bad", True, "trace"),
    ]


def test_a_failure_for_good_reaches_rows_and_the_trials_that_wait(
    stages: list[Stage], notes: list[tuple[Any, ...]]
) -> None:
    make_sweep(notes).on_failed(stages, "ValueError: bad", "trace", False)
    assert notes[1] == ("faults.record", FAILURE, stages, "ValueError: bad", False, "trace")
    assert notes[2:] == [
        ("state.give_up", stages),
        ("rows.add_failure", stages, "ValueError: bad"),
        ("board.post_failure", stages, "ValueError: bad"),
    ]


def test_a_lost_worker_is_a_preemption(stages: list[Stage], notes: list[tuple[Any, ...]]) -> None:
    sweep = make_sweep(notes)
    sweep.on_lost(stages, "RayActorError", True)
    assert notes == [
        ("state.lose_run", stages),
        ("faults.record", PREEMPTION, stages, "worker lost: RayActorError", True),
    ]
    del notes[:]
    sweep.on_lost(stages, "RayActorError", False)
    assert notes[2:] == [
        ("state.give_up", stages),
        ("rows.add_failure", stages, "its worker was lost too often: RayActorError"),
        ("board.post_failure", stages, "its worker was lost too often: RayActorError"),
    ]


def test_what_is_blocked_is_no_fault_of_its_own(stages: list[Stage], notes: list[tuple[Any, ...]]) -> None:
    make_sweep(notes).on_blocked(stages, "train failed")
    assert [note[0] for note in notes] == ["state.give_up", "rows.add_failure", "board.post_failure"]


def test_a_standstill_is_told_to_the_user(notes: list[tuple[Any, ...]]) -> None:
    make_sweep(notes).on_standstill("nothing runs")
    assert notes == [("say", "nothing runs")]


@pytest.mark.parametrize(("online", "expected"), [(True, [("wandb.start",)]), (False, [])])
def test_the_wandb_server_is_reached_early_only_where_runs_are_sent(
    online: bool, expected: list[tuple[Any, ...]], notes: list[tuple[Any, ...]]
) -> None:
    make_sweep(notes, online=online).connect_wandb()
    assert notes == expected


def test_the_end_writes_rows_then_verdicts_then_the_last_beat_then_wandb(notes: list[tuple[Any, ...]]) -> None:
    make_sweep(notes).close("ended", hurried=True)
    assert notes == [
        ("rows.close",),
        ("rows.record_verdicts",),
        ("heartbeat.end", "ended"),
        ("wandb.close", [{"trial_id": "t"}], True),
    ]
