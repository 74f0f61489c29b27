"""A running sweep: it hears what the executor does and hands it on to those who keep it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from rich.console import Console

from orchestrator.options import LaunchOptions
from orchestrator.plan.prepare import PreparedSweep
from orchestrator.run.fault_recorder import FaultRecorder
from orchestrator.run.outcome_board import OutcomeBoard
from orchestrator.run.row_recorder import RowRecorder
from orchestrator.run.row_writer import RowWriter
from orchestrator.run.state import SweepState, make_state
from orchestrator.run.wandb_log import make_wandb_log
from orchestrator.store.fault_log import FAILURE, PREEMPTION
from orchestrator.store.heartbeat import Heartbeat
from orchestrator.text import say
from orchestrator.tracking.log import WandbLog
from tasks.trial.chain import Stage


@dataclass(frozen=True)
class RunningSweep:
    """One run of a sweep; the executor's listener."""

    prepared: PreparedSweep
    state: SweepState
    board: OutcomeBoard
    rows: RowRecorder
    faults: FaultRecorder
    heartbeat: Heartbeat
    wandb: WandbLog
    online: bool
    """Whether W&B runs are sent while the sweep runs."""
    say: Callable[[str], None]
    """Shows the user a line."""

    def on_started(self, stages: Sequence[Stage], where: str) -> None:
        self.state.start_run(stages, where)

    def on_finished(self, stages: Sequence[Stage], records: Sequence[Mapping[str, Any]]) -> None:
        found = {stage.key: record for stage, record in zip(stages, records, strict=True)}
        self.rows.add_records(found)
        self.state.finish_job(stages)
        self.board.post_records(found)

    def on_failed(self, stages: Sequence[Stage], error: str, trace: str, retried: bool) -> None:
        self.state.fail_run(stages, retried)
        self.faults.record(FAILURE, stages, error, retried, trace)
        if not retried:
            self._give_up(stages, error)

    def on_lost(self, stages: Sequence[Stage], error: str, retried: bool) -> None:
        self.state.lose_run(stages)
        self.faults.record(PREEMPTION, stages, f"worker lost: {error}", retried)
        if not retried:
            self._give_up(stages, f"its worker was lost too often: {error}")

    def on_blocked(self, stages: Sequence[Stage], error: str) -> None:
        self._give_up(stages, error)

    def on_standstill(self, message: str) -> None:
        self.say(message)

    def _give_up(self, stages: Sequence[Stage], error: str) -> None:
        self.state.give_up(stages)
        self.rows.add_failure(stages, error)
        self.board.post_failure(stages, error)

    def connect_wandb(self) -> None:
        """Reach the server now, if there is one to reach; not before Ray is up, whose workers would inherit it."""
        if self.online:
            self.wandb.start()

    def close(self, outcome: str, *, hurried: bool = False) -> None:
        """Write what is left to write.

        :param outcome: how the sweep ended, for those who ask its storage.
        :param hurried: do not wait long for W&B.
        """
        self.rows.close()
        self.rows.record_verdicts()
        self.heartbeat.end(outcome)
        self.wandb.close(list(self.state.rows.values()), hurried=hurried)


def make_sweep(prepared: PreparedSweep, options: LaunchOptions, console: Console) -> RunningSweep:
    """A sweep that is about to run, with everything that it hands on to."""

    def warn_of_rows(error: Exception) -> None:
        say(console, f"rows could not be written, they are kept and tried again: {error}")

    def warn_of_beats(error: Exception) -> None:
        say(console, f"`advsweep status` sees nothing of this sweep, its state could not be written: {error}")

    state, wandb = make_state(prepared, options.cpus), make_wandb_log(prepared, options, console)

    def note_epoch(key: str, entry: Mapping[str, Any]) -> None:
        state.note_epoch(key, entry)
        wandb.add_epoch(prepared.plan.stages[key], entry)

    rows = RowRecorder(prepared, state, RowWriter(prepared.sweep, warn_of_rows), wandb)
    tell = partial(say, console)
    faults = FaultRecorder(prepared.sweep, tell)
    heartbeat = Heartbeat(prepared.sweep, state.collect_facts, warn_of_beats)
    online = options.wandb == "online"
    board = OutcomeBoard(note_epoch, tell)
    return RunningSweep(prepared, state, board, rows, faults, heartbeat, wandb, online, tell)
