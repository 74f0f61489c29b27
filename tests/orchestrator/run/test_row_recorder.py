"""Rows: of which trials, when, and handed to whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from orchestrator.plan.estimates import Speeds
from orchestrator.plan.plan import Plan, make_plan
from orchestrator.plan.prepare import PreparedSweep
from orchestrator.run.row_recorder import RowRecorder
from orchestrator.run.state import SweepState, make_state
from orchestrator.space import space as spaces
from orchestrator.store.sweep_store import SweepStore
from tasks.storage.storage import open_storage
from tests.conftest import CONFIG

COUNTS = {"examples": 100, "clean_correct": 90, "robust_correct": 50}
SIZES = {"parameters": 0, "nonzero_parameters": 0, "macs": 0}


class Taker:
    """Stands for the table of rows, and for W&B."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.rewritten: list[dict[str, Any]] = []

    def add(self, row: dict[str, Any]) -> None:
        self.rows.append(row)

    def rewrite(self, rows: list[dict[str, Any]]) -> None:
        self.rewritten += rows


class Rig:
    """A recorder of two trials that differ in their attack."""

    def __init__(self, folder: Path) -> None:
        self.plan: Plan = make_plan(
            spaces.build("rows", "rows", {**CONFIG, "attack": {"name": "fgsm", "eps": {"grid_search": [0.1, 0.2]}}}),
            None,
        )
        storage = open_storage(folder)
        prepared = PreparedSweep(
            self.plan, storage, SweepStore(storage, self.plan.sweep_id), self.plan.space.resources, {}, {},
            Speeds({}, {}), self.plan.jobs(()),
        )  # fmt: skip
        self.state: SweepState = make_state(prepared, 1)
        self.table, self.wandb = Taker(), Taker()
        self.recorder = RowRecorder(prepared, self.state, cast("Any", self.table), cast("Any", self.wandb))

    def finish(self, number: int, robust: int = 50) -> str:
        """Every stage of a trial is finished; its id."""
        planned = self.plan.trials[number]
        record = {
            "device": "cpu",
            "versions": {},
            "seconds": 1.0,
            "started_at": "2026-01-01T00:00:00+00:00",
            "finished_at": "2026-01-01T00:00:00+00:00",
            "metrics": {**COUNTS, **SIZES, "robust_correct": robust},
        }
        self.recorder.add_records({stage.key: {**stage.identity, **record} for stage in planned.chain})
        return planned.trial_id


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_a_trial_whose_stages_are_finished_becomes_one_row_everywhere(rig: Rig) -> None:
    trial_id = rig.finish(0)
    rig.recorder.record_trial(trial_id)
    rig.recorder.record_trial(trial_id)
    (row,) = rig.table.rows
    assert (row["trial_id"], row["status"], row["robust_correct"]) == (trial_id, "finished", 50)
    assert (row["sweep_id"], row["space"]) == (rig.plan.sweep_id, "rows")
    assert rig.wandb.rows == [row]
    assert rig.state.rows == {trial_id: row}
    assert rig.state.count_trials() == (1, 0)


def test_a_trial_of_which_nothing_is_known_has_no_row(rig: Rig) -> None:
    rig.recorder.record_trial(rig.plan.trials[0].trial_id)
    assert rig.table.rows == []


def test_a_trial_that_failed_says_which_error_came_first_and_is_no_wandb_run(rig: Rig) -> None:
    planned = rig.plan.trials[0]
    rig.recorder.add_failure([planned.chain[0]], "ValueError: bad")
    rig.recorder.add_failure(planned.chain[1:], "train failed: ValueError: bad")
    rig.recorder.record_all()
    assert [(row["status"], row["error"]) for row in rig.table.rows] == [("failed", "ValueError: bad")] * 2
    assert rig.wandb.rows == []
    assert rig.state.count_trials() == (0, 2)


def test_what_nobody_reported_is_recorded_at_the_end(rig: Rig) -> None:
    rig.recorder.record_trial(rig.finish(0))
    rig.finish(1)
    rig.recorder.record_all()
    assert [row["trial_id"] for row in rig.table.rows] == [planned.trial_id for planned in rig.plan.trials]


def test_only_rows_whose_verdict_changes_are_written_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestrator.run import row_recorder

    first, second = rig.finish(0), rig.finish(1)
    rig.recorder.record_all()

    def judge(rows: list[dict[str, Any]], read: object) -> list[dict[str, Any]]:  # noqa: ARG001
        return [{**row, "verdict": "suspicious"} if row["trial_id"] == second else row for row in rows]

    monkeypatch.setattr(row_recorder, "annotate_rows", judge)
    rig.recorder.record_verdicts()
    assert [row["trial_id"] for row in rig.table.rewritten] == [second]
    assert rig.state.rows[second]["verdict"] == "suspicious"
    assert rig.state.rows[first] == rig.table.rows[0]


def test_a_trial_has_a_row_once_its_attack_has_ended_and_not_before(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    planned = rig.plan.trials[0]
    rig.recorder.add_records({planned.chain[0].key: {"metrics": {}}})
    rig.recorder.record_all()
    assert rig.table.rows == []
    assert rig.finish(0) == planned.trial_id
    rig.recorder.record_trial(planned.trial_id)
    assert [row["trial_id"] for row in rig.table.rows] == [planned.trial_id]
