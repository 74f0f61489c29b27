"""Run a prepared sweep: the executor in one thread, Ray Tune in the main one, rows and W&B on the way."""

from __future__ import annotations

import os
import signal
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import ray
from rich.console import Console

from orchestrator import progress
from orchestrator.address import LOCAL
from orchestrator.faults import FAILURE, PREEMPTION, FaultLog
from orchestrator.launch import FINISHED, INTERRUPTED, SOME_FAILED, Launch, Prepared, say, summary
from orchestrator.sweep.board import FAILED, Board
from orchestrator.sweep.capacity import Growth, check_fits
from orchestrator.sweep.cluster import Cluster, connected
from orchestrator.sweep.executor import Policy, StageExecutor
from orchestrator.sweep.graph import JobGraph
from orchestrator.sweep.head_watch import head_watched
from orchestrator.sweep.nodes import check_nodes, survey
from orchestrator.sweep.pool import WorkerPool
from orchestrator.sweep.recorder import RowRecorder
from orchestrator.sweep.state import SweepState, outcome
from orchestrator.sweep.tune_grid import run_grid
from orchestrator.sweep.worker import StageWorker, WorkerSettings
from orchestrator.verdicts import annotated
from orchestrator.wandb_log import WandbLog
from tasks import paths
from tasks.chain import Stage
from tasks.errors import UsageError
from tasks.row import Row, failed_row, finished_row
from tasks.store import StageStore

MOST_WORKERS = 4096
"""On a cluster that grows by itself nothing else limits the actors that are asked for."""
BOARD = {"node:__internal_head__": 0.0001}
"""The board stays on the node that a sweep cannot lose."""
WARM_UP = 15.0
"""Seconds that the coordinators wait for the first workers to come up; on two cores they would only slow them."""


class Sweep:
    """One run of a sweep: hears what the executor does, tells the trials that wait, makes the rows."""

    def __init__(self, prepared: Prepared, options: Launch, console: Console) -> None:
        self.prepared = prepared
        self.console = console
        self.records: dict[str, Mapping[str, Any]] = dict(prepared.records)
        self.errors: dict[str, str] = {}
        self.trials = {planned.trial_id: planned for planned in prepared.plan.trials}
        plan, speeds = prepared.plan, prepared.speeds
        expected = {key: speeds.seconds(stage, plan.data[stage.dataset]) for key, stage in plan.stages.items()}
        finished = dict(prepared.finished)
        self.state = SweepState(len(plan.trials), len(prepared.jobs), len(self.records), expected, finished)
        self.recorder = RowRecorder(prepared.sweep, self._rows_not_written)
        self.wandb = WandbLog(prepared.sweep, StageStore(prepared.storage), options.wandb, options.project)
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
            ray.remote(num_cpus=0, resources=BOARD, max_concurrency=10_000)(Board).options(name=name).remote(chains)
        )
        self._board.post.remote({key: outcome(record) for key, record in self.records.items()})
        return name

    def close_board(self) -> None:
        """Let every trial go that still waits."""
        self._board.close.remote()

    def started(self, stages: Sequence[Stage]) -> None:
        self.state.start(stages)

    def finished(self, stages: Sequence[Stage], records: Sequence[Mapping[str, Any]]) -> None:
        found = {stage.key: record for stage, record in zip(stages, records, strict=True)}
        self.records.update(found)
        self.state.end(stages, done=True)
        self._board.post.remote({key: outcome(record) for key, record in found.items()})

    def failed(self, stages: Sequence[Stage], error: str, trace: str, again: bool) -> None:
        self.state.end(stages, done=False)
        self.state.failures += 1
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

    def close(self) -> None:
        """Write what is left to write."""
        self.recorder.close()
        self.judge()
        self.wandb.close()

    def judge(self) -> None:
        """Run the checks over the grid and keep their verdicts with the rows."""
        before = self.state.rows
        self.state.rows = {row["trial_id"]: row for row in annotated(list(before.values()))}
        changed = [row for trial_id, row in self.state.rows.items() if row != before[trial_id]]
        if changed:
            self.recorder.rewrite(changed)

    def _row(self, chain: Sequence[Stage], trial: Any) -> Row | None:
        if chain[-1].key in self.records:
            return finished_row(trial, chain, self.records)
        error = next((self.errors[stage.key] for stage in chain if stage.key in self.errors), None)
        return failed_row(trial, chain, error) if error is not None else None

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

    def _rows_not_written(self, error: OSError) -> None:
        say(self.console, f"rows could not be written, they are kept and tried again: {error}")


def run_sweep(prepared: Prepared, options: Launch, console: Console, worker: type[StageWorker] = StageWorker) -> int:
    """Run what is missing; returns the exit code.

    :param worker: what runs the stages; a benchmark puts one that only sleeps in its place.
    """
    sweep = Sweep(prepared, options, console)
    executor: StageExecutor | None = None
    interrupted = False
    try:
        with (
            _interruptible(),
            connected(options.address, options.cpus) as cluster,
            head_watched(partial(_end_without_head, sweep, console)),
        ):
            if options.address == LOCAL:
                _check_fits(prepared, cluster)
            else:
                _check_cluster(prepared, options)
            executor = make_executor(sweep, options, cluster, worker)
            execute(sweep, executor, cluster, console)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        sweep.close()
    return _closing(sweep, executor, console, interrupted)


def make_executor(sweep: Sweep, options: Launch, cluster: Cluster, worker: type[StageWorker]) -> StageExecutor:
    prepared = sweep.prepared
    graph = JobGraph(prepared.jobs, prepared.priorities, prepared.records)
    data_dir = options.data_dir.absolute() if options.data_dir else None
    settings = WorkerSettings(prepared.storage.uri, prepared.plan.sweep_id, data_dir, fresh=options.fresh)
    pool = WorkerPool(settings, options.max_concurrent or slots(prepared, options, cluster), worker)
    policy = Policy(options.max_failures, options.max_preemptions, timeouts=prepared.timeouts)
    return StageExecutor(graph, pool, prepared.resources, sweep, policy, eager=options.address == LOCAL)


def _check_fits(prepared: Prepared, cluster: Cluster) -> None:
    """:raises UsageError: a kind of stage asks for more than this machine has, so that it would wait for ever."""
    for kind in {job.kind: None for job in prepared.jobs}:
        wanted = prepared.resources.of(kind)
        if wanted.cpus > cluster.cpus or wanted.gpus > cluster.gpus:
            asked = f"{wanted.cpus:g} CPUs and {wanted.gpus:g} GPUs"
            raise UsageError(f"{kind} asks for {asked}; this machine has {cluster.cpus:g} and {cluster.gpus:g}")


def _check_cluster(prepared: Prepared, options: Launch) -> None:
    """:raises UsageError: a node differs from this process or does not see the storage, or a request fits nowhere."""
    reports = survey(prepared.storage, options.data_dir)
    check_nodes(reports, prepared.storage, options.data_dir)
    growth = next((report.growth for report in reports if report.head), Growth(known=False))
    wanted = {job.kind: prepared.resources.of(job.kind) for job in prepared.jobs}
    check_fits(wanted, [report.shape for report in reports], growth)


def slots(prepared: Prepared, options: Launch, cluster: Cluster) -> int:
    """Actors that fit on this machine at once; on a cluster, which may grow, as many as there is work for."""
    if options.address != LOCAL:
        return MOST_WORKERS
    smallest = min(prepared.resources.of(job.kind).cpus for job in prepared.jobs) if prepared.jobs else 1
    return max(1, int(cluster.cpus / smallest))


def execute(sweep: Sweep, executor: StageExecutor, cluster: Cluster, console: Console) -> None:
    executor.dispatch()  # before anything else, so that the processes Ray has warm become workers
    board = sweep.open_board()
    expected = sweep.prepared.seconds
    broken: list[BaseException] = []

    def run() -> None:
        try:
            executor.run()
        except BaseException as error:
            broken.append(error)
        finally:
            sweep.close_board()

    thread = threading.Thread(target=run, name="executor", daemon=True)
    with progress.shown(sweep.state, sum(expected.values()), console):
        thread.start()
        executor.warm.wait(WARM_UP)
        try:
            run_grid(_in_order(sweep, cluster), board, cluster.scratch / "tune", sweep.trial_ended)
        finally:
            executor.stop()
            thread.join(timeout=10)
            executor.close()
    for trial_id in sweep.trials:
        sweep.trial_ended(trial_id)  # whatever Tune did not tell
    if broken:
        raise broken[0]


def _in_order(sweep: Sweep, cluster: Cluster) -> list[str]:
    """The trials that are to run, in the order in which their last stages are expected to end."""
    ends = sweep.prepared.schedule(max(1, int(cluster.cpus))).finished_at
    waiting = [trial_id for trial_id in sweep.trials if trial_id not in sweep.prepared.finished]
    return sorted(waiting, key=lambda trial_id: ends.get(sweep.trials[trial_id].chain[-1].key, 0.0))


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C and SIGTERM end the sweep in order, once; a second Ctrl-C changes nothing."""

    def interrupt(signum: int, frame: object) -> None:  # noqa: ARG001
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {name: signal.signal(name, interrupt) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _end_without_head(sweep: Sweep, console: Console, reason: str) -> None:
    """Keep what came out, say why it ends here, and end the process: nothing that waits for Ray will return."""
    console.show_cursor()
    for trial_id in sweep.trials:
        sweep.trial_ended(trial_id)
    sweep.close()
    code = _closing(sweep, None, console, interrupted=False)
    say(console, f"{reason}; nothing finished is lost: with a head that answers, the same command continues")
    sys.stdout.flush()
    os._exit(code)


def _closing(sweep: Sweep, executor: StageExecutor | None, console: Console, interrupted: bool) -> int:
    finished, failed = sweep.state.counts()
    total = len(sweep.trials)
    summary(sweep.prepared, list(sweep.state.rows.values()), console)
    say(console, f"{total} trials, {finished} finished, {failed} failed, {total - finished - failed} not run")
    for note in sweep.wandb.notes:
        say(console, note)
    if interrupted:
        say(console, "interrupted: nothing finished is lost, the same command continues")
        return INTERRUPTED
    log = sweep.prepared.storage.place(sweep.failures_log)
    if executor is not None and executor.stopped_by is not None:
        say(console, f"stopped early: {executor.stopped_by}\n  traceback in {log}")
    elif failed:
        errors = sorted({row["error"] for row in sweep.state.rows.values() if row["status"] == "failed"})
        say(console, "\n".join([*(f"  {error}" for error in errors[:5]), f"  tracebacks in {log}"]))
    return SOME_FAILED if failed or finished < total else FINISHED


def log_rows(prepared: Prepared, options: Launch, rows: Sequence[Row], console: Console) -> None:
    """Write the W&B runs that an earlier launch did not get to."""
    log = WandbLog(prepared.sweep, StageStore(prepared.storage), options.wandb, options.project)
    for row in rows:
        log.add(row)
    log.close()
    for note in log.notes:
        say(console, note)
