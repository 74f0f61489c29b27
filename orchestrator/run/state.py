"""What a running sweep knows of itself: the one place that the executor writes and every display reads."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.cluster.capacity import count_usable_cpus
from orchestrator.plan.labels import describe_settings
from orchestrator.plan.prepare import PreparedSweep
from orchestrator.results import headline
from orchestrator.run.remaining_time import Remaining, RemainingTime, Task, make_task
from tasks.generators.base import GeneratorSettings
from tasks.training.settings import TrainSettings
from tasks.trial.chain import Stage
from tasks.trial.row import Row

BEST_SHARE = 50
"""The pause before the best trade-off is looked for again, in units of the time that it took: 2 % of the driver."""


@dataclass(frozen=True)
class Running:
    """A run of one stage, or of several that share it."""

    stages: Sequence[Stage]
    """Those that share the run."""
    since: float
    where: str
    epoch: int | None = None
    """Epochs that are over; null where none is, or none is told of."""

    def describe(self, now: float) -> dict[str, Any]:
        """As plain data."""
        stage = self.stages[0]
        epochs = stage.settings.epochs if isinstance(stage.settings, (TrainSettings, GeneratorSettings)) else None
        return {
            "stage": stage.kind,
            "key": stage.key,
            "model": stage.model.name,
            "seed": stage.seed,
            "what": describe_settings(self.stages),
            "epoch": self.epoch,
            "epochs": epochs,
            "where": self.where,
            "seconds": now - self.since,
        }


@dataclass
class SweepState:
    """Counts and times of one sweep; every method may be called from any thread."""

    trials: int
    jobs: int
    reused: int
    """Distinct stages that were in the store already."""
    tasks: Mapping[str, Task] = field(default_factory=dict)
    """Key of the first stage of each job -> the job."""
    forecast: float | None = None
    """Seconds that all is expected to take, from the times of earlier stages; null where they do not say it."""
    rows: dict[str, Row] = field(default_factory=dict)
    jobs_done: int = 0
    failures: int = 0
    """Runs that ended by an error of their own, by taking too long, or for want of memory."""
    retries: int = 0
    """Those of them whose stage was tried again."""
    preemptions: int = 0
    """Runs that ended with their worker or their node."""
    running: dict[str, Running] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)
    _begun: float | None = None
    _statuses: Counter[str] = field(default_factory=Counter)
    _best: headline.Standing | None = None
    _best_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._statuses.update(row["status"] for row in self.rows.values())
        self._remaining = RemainingTime(self.tasks.values())

    def start_run(self, stages: Sequence[Stage], where: str) -> None:
        """A job was given to a worker."""
        now = time.monotonic()
        with self._lock:
            self._begun = self._begun or now
            self.running[stages[0].key] = Running(tuple(stages), now, where)

    def note_epoch(self, key: str, entry: Mapping[str, Any]) -> None:
        """An epoch of a stage is over."""
        with self._lock:
            if key in self.running:
                self.running[key] = replace(self.running[key], epoch=entry["epoch"] + 1)

    def finish_job(self, stages: Sequence[Stage]) -> None:
        """A run of a job ended well."""
        with self._lock:
            run, task = self.running.pop(stages[0].key, None), self.tasks.get(stages[0].key)
            self.jobs_done += 1
            if run and task:
                self._remaining.note_end(task, time.monotonic() - run.since)

    def give_up(self, stages: Sequence[Stage]) -> None:
        """A job will not run, or not again."""
        with self._lock:
            if task := self.tasks.get(stages[0].key):
                self._remaining.drop(task)

    def fail_run(self, stages: Sequence[Stage], retried: bool) -> None:
        """A run of a job ended by an error of its own.

        :param retried: whether the job is tried again.
        """
        with self._lock:
            self.running.pop(stages[0].key, None)
            self.failures += 1
            self.retries += retried

    def lose_run(self, stages: Sequence[Stage]) -> None:
        """A run of a job ended with its worker or its node."""
        with self._lock:
            self.running.pop(stages[0].key, None)
            self.preemptions += 1

    def add_row(self, row: Row) -> None:
        """A trial ended."""
        with self._lock:
            self.rows[row["trial_id"]] = row
            self._statuses[row["status"]] += 1

    @property
    def elapsed(self) -> float:
        """Seconds since the sweep began."""
        return time.monotonic() - self.started

    def count_trials(self) -> tuple[int, int]:
        """Finished and failed trials, earlier launches included."""
        with self._lock:
            return self._statuses["finished"], self._statuses["failed"]

    def estimate_remaining(self) -> Remaining | None:
        """How long it will still take: by what ran so far, or before anything is done as forecast."""
        now = time.monotonic()
        with self._lock:
            if not self.jobs_done and self.forecast is not None and self.forecast > self.elapsed:
                return Remaining(self.forecast - self.elapsed, is_least=False)
            running = [(task, now - run.since) for key, run in self.running.items() if (task := self.tasks.get(key))]
            return self._remaining.estimate(running, now - (self._begun or now))

    def find_best(self) -> headline.Standing | None:
        """The best trade-off so far, as of a moment ago: with many trials it is looked for less often."""
        if time.monotonic() >= self._best_at:
            began = time.monotonic()
            with self._lock:
                rows = list(self.rows.values())
            self._best = headline.find_best(rows)
            self._best_at = time.monotonic() + BEST_SHARE * (time.monotonic() - began)
        return self._best

    def collect_facts(self) -> dict[str, Any]:
        """All of it as plain data: what the display shows and a heartbeat publishes."""
        finished, failed = self.count_trials()
        best, left, now = self.find_best(), self.estimate_remaining(), time.monotonic()
        with self._lock:
            running = list(self.running.values())
        return {
            "trials": self.trials,
            "finished": finished,
            "failed": failed,
            "jobs": self.jobs,
            "jobs_done": self.jobs_done,
            "reused": self.reused,
            "retries": self.retries,
            "failures": self.failures,
            "preemptions": self.preemptions,
            "elapsed_seconds": self.elapsed,
            "eta_seconds": left.seconds if left else None,
            "eta_is_least": left is not None and left.is_least,
            **headline.state_best(best),
            "running": [entry.describe(now) for entry in running],
        }


def make_state(prepared: PreparedSweep, cpus: int | None) -> SweepState:
    """The state of a sweep that is about to run.

    :param cpus: CPUs of a private Ray; null: those that this process may use.
    """
    plan, speeds = prepared.plan, prepared.speeds
    tasks = {job.stages[0].key: make_task(plan, job, speeds) for job in prepared.jobs}
    known = all(task.forecast is not None for task in tasks.values())
    return SweepState(
        trials=len(plan.trials),
        jobs=len(prepared.jobs),
        reused=len(prepared.records),
        tasks=tasks,
        forecast=prepared.schedule(cpus or count_usable_cpus()).seconds if known else None,
        rows=dict(prepared.finished),
    )
