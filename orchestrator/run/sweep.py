"""What happens to a running sweep is heard here, told to the trials that wait, and made into rows."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import ray
from rich.console import Console

from orchestrator.cluster.capacity import count_usable_cpus
from orchestrator.options import LaunchOptions
from orchestrator.plan.prepare import PreparedSweep
from orchestrator.results.verdicts import annotate_rows
from orchestrator.run.outcome_board import FAILED, OutcomeBoard
from orchestrator.run.row_recorder import RowRecorder
from orchestrator.run.state import SweepState, summarize_outcome
from orchestrator.store.fault_log import FAILURE, PREEMPTION, FaultLog
from orchestrator.store.heartbeat import Heartbeat
from orchestrator.text import say
from orchestrator.tracking.log import WandbLog
from tasks import paths
from tasks.trial.chain import Stage
from tasks.trial.row import Row, make_failed_row, make_finished_row

BOARD = {"node:__internal_head__": 0.0001}
"""The board stays on the node that a sweep cannot lose."""


class RunningSweep:
    """One run of a sweep: hears what the executor does, tells the trials that wait, makes the rows."""

    def __init__(self, prepared: PreparedSweep, options: LaunchOptions, console: Console) -> None:
        self.prepared = prepared
        self.console = console
        self.records: dict[str, Mapping[str, Any]] = dict(prepared.records)
        self.errors: dict[str, str] = {}
        self.trials = {planned.trial_id: planned for planned in prepared.plan.trials}
        plan, speeds = prepared.plan, prepared.speeds
        expected = {key: speeds.seconds(stage, plan.data[stage.dataset]) for key, stage in plan.stages.items()}
        finished = dict(prepared.finished)
        seconds = prepared.seconds
        forecast = prepared.schedule(options.cpus or count_usable_cpus()).seconds if speeds.known else None
        self.state = SweepState(
            len(plan.trials),
            len(prepared.jobs),
            len(self.records),
            expected,
            sum(seconds.values()),
            forecast,
            rows=finished,
        )
        self.heartbeat = Heartbeat(prepared.sweep, self.state.facts, self._not_published)
        self.recorder = RowRecorder(prepared.sweep, self._rows_not_written)
        self.wandb = make_wandb_log(prepared, options, console)
        self._online = options.wandb == "online"
        self._board: Any = None
        self._faults = FaultLog(prepared.sweep)
        self._log = threading.Lock()

    def open_board(self) -> str:
        """Start the board, and tell it what is finished already; returns its name."""
        name = f"board-{uuid.uuid4().hex}"
        chains = {
            trial_id: [stage.key for stage in planned.chain]
            for trial_id, planned in self.trials.items()
            if trial_id not in self.prepared.finished
        }
        self._board = (
            ray.remote(num_cpus=0, resources=BOARD, max_concurrency=10_000)(OutcomeBoard)
            .options(name=name)
            .remote(chains)
        )
        self._board.post.remote({key: summarize_outcome(record) for key, record in self.records.items()})
        return name

    def close_board(self) -> None:
        """Let every trial go that still waits."""
        self._board.close.remote()

    def started(self, stages: Sequence[Stage], where: str) -> None:
        self.state.start(stages, where)

    def finished(self, stages: Sequence[Stage], records: Sequence[Mapping[str, Any]]) -> None:
        found = {stage.key: record for stage, record in zip(stages, records, strict=True)}
        self.records.update(found)
        self.state.end(stages, done=True)
        self._board.post.remote({key: summarize_outcome(record) for key, record in found.items()})

    def failed(self, stages: Sequence[Stage], error: str, trace: str, again: bool) -> None:
        self.state.end(stages, done=False)
        self.state.failures += 1
        self.state.retries += again
        self._write_log(FAILURE, stages, error, trace, again)
        if not again:
            self._post_failure(stages, error)

    def lost(self, stages: Sequence[Stage], error: str, again: bool) -> None:
        self.state.end(stages, done=False)
        self.state.preemptions += 1
        self._write_log(PREEMPTION, stages, f"worker lost: {error}", "", again)
        if not again:
            self._post_failure(stages, f"its worker was lost too often: {error}")

    def blocked(self, stages: Sequence[Stage], error: str) -> None:
        self._post_failure(stages, error)

    def _post_failure(self, stages: Sequence[Stage], error: str) -> None:
        self.errors |= {stage.key: error for stage in stages}
        self._board.post.remote({stage.key: {"status": FAILED, "error": error} for stage in stages})

    def trial_ended(self, trial_id: str, _: Mapping[str, Any] | None = None) -> None:
        """Make the row of a trial, if there is anything to say about it."""
        if trial_id in self.state.rows:
            return
        planned = self.trials[trial_id]
        row = self._row(planned.chain, planned.trial)
        if row is None:
            return
        row |= {"sweep_id": self.prepared.plan.sweep_id, "space": self.prepared.plan.space.name}
        self.state.row(row)
        self.recorder.add(row)
        if row["status"] == "finished":
            self.wandb.add(row)

    def begin_wandb(self) -> None:
        """Reach the server now, if there is one to reach; not before Ray is up, whose workers would inherit it."""
        if self._online:
            self.wandb.start()

    def close(self, outcome: str, *, hurried: bool = False) -> None:
        """Write what is left to write.

        :param outcome: how the sweep ended, for those who ask its storage.
        :param hurried: do not wait long for W&B.
        """
        self.recorder.close()
        self.judge()
        self.heartbeat.end(outcome)
        self.wandb.close(list(self.state.rows.values()), hurried=hurried)

    def judge(self) -> None:
        """Run the checks over the grid and keep their verdicts with the rows."""
        before = self.state.rows
        self.state.rows = {row["trial_id"]: row for row in annotate_rows(list(before.values()))}
        changed = [row for trial_id, row in self.state.rows.items() if row != before[trial_id]]
        if changed:
            self.recorder.rewrite(changed)

    def _row(self, chain: Sequence[Stage], trial: Any) -> Row | None:
        if chain[-1].key in self.records:
            return make_finished_row(trial, chain, self.records)
        error = next((self.errors[stage.key] for stage in chain if stage.key in self.errors), None)
        return make_failed_row(trial, chain, error) if error is not None else None

    @property
    def failures_log(self) -> str:
        """The name of the file with every failure and its traceback."""
        return self.prepared.sweep.path(paths.LOGS, "failures.log")

    def _write_log(self, what: str, stages: Sequence[Stage], error: str, trace: str, again: bool) -> None:
        names = ", ".join(f"{stage.kind} {stage.key[:12]}" for stage in stages)
        try:
            with self._log:
                self._faults.add(what, stages, error, again)
                self.prepared.storage.append(self.failures_log, f"{names}: {error}\n{trace}")
        except OSError as problem:
            say(self.console, f"a {what} could not be logged: {error}: {problem}")

    def _not_published(self, error: OSError) -> None:
        say(self.console, f"`advsweep status` sees nothing of this sweep, its state could not be written: {error}")

    def _rows_not_written(self, error: OSError) -> None:
        say(self.console, f"rows could not be written, they are kept and tried again: {error}")


def make_wandb_log(prepared: PreparedSweep, options: LaunchOptions, console: Console) -> WandbLog:
    """Where finished trials become W&B runs."""
    plan = prepared.plan
    classes = {planned.trial_id: plan.data[planned.trial.dataset].classes for planned in plan.trials}
    return WandbLog(
        prepared.sweep, options.wandb, options.project, lambda text: say(console, text), lambda key: classes[key]
    )
