"""The row of each trial, made from the records of its stages once it has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.plan.plan import PlannedTrial
from orchestrator.plan.prepare import PreparedSweep
from orchestrator.results.image_reader import ImageReader
from orchestrator.results.verdicts import annotate_rows
from orchestrator.run.row_writer import RowWriter
from orchestrator.run.state import SweepState
from orchestrator.tracking.log import WandbLog
from tasks.storage.stage_store import StageStore
from tasks.trial.chain import Stage
from tasks.trial.row import Row, make_failed_row, make_finished_row


class RowRecorder:
    """Makes rows, and hands them to the state, the table and W&B."""

    def __init__(self, prepared: PreparedSweep, state: SweepState, writer: RowWriter, wandb: WandbLog) -> None:
        plan = prepared.plan
        self._trials = {planned.trial_id: planned for planned in plan.trials}
        self._of_sweep = {"sweep_id": plan.sweep_id, "space": plan.space.name}
        self._records: dict[str, Mapping[str, Any]] = dict(prepared.records)
        self._errors: dict[str, str] = {}
        self._read = ImageReader(StageStore(prepared.storage))
        self._state, self._writer, self._wandb = state, writer, wandb

    def add_records(self, records: Mapping[str, Mapping[str, Any]]) -> None:
        """Stages are finished.

        :param records: by stage key.
        """
        self._records.update(records)

    def add_failure(self, stages: Sequence[Stage], error: str) -> None:
        """Stages failed for good, or never will run."""
        self._errors |= {stage.key: error for stage in stages}

    def record_trial(self, trial_id: str, _: Mapping[str, Any] | None = None) -> None:
        """Make the row of a trial, if it has none and there is anything to say about it."""
        if trial_id in self._state.rows:
            return
        row = self._make_row(self._trials[trial_id])
        if row is None:
            return
        row |= self._of_sweep
        self._state.add_row(row)
        self._writer.add(row)
        if row["status"] == "finished":
            self._wandb.add(row)

    def record_all(self) -> None:
        """Make the rows that are missing."""
        for trial_id in self._trials:
            self.record_trial(trial_id)

    def record_verdicts(self) -> None:
        """Run the checks over the grid and keep their verdicts with the rows."""
        before = self._state.rows
        self._state.rows = {row["trial_id"]: row for row in annotate_rows(list(before.values()), self._read)}
        changed = [row for trial_id, row in self._state.rows.items() if row != before[trial_id]]
        if changed:
            self._writer.rewrite(changed)

    def close(self) -> None:
        """Write what is left to write."""
        self._writer.close()

    def _make_row(self, planned: PlannedTrial) -> Row | None:
        chain, trial = planned.chain, planned.trial
        if chain[-1].key in self._records:
            return make_finished_row(trial, chain, self._records)
        error = next((self._errors[stage.key] for stage in chain if stage.key in self._errors), None)
        return make_failed_row(trial, chain, error) if error is not None else None
