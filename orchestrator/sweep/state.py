"""What a running sweep knows of itself: the one place that the executor writes and the display reads."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator import tradeoff
from orchestrator.sweep.board import FINISHED
from tasks.chain import Stage
from tasks.row import Row

BEST_SHARE = 50
"""The pause before the best trade-off is looked for again, in units of the time that it took: 2 % of the driver."""


@dataclass
class SweepState:
    """Counts and times of one sweep; every method may be called from any thread."""

    trials: int
    jobs: int
    reused: int
    """Distinct stages that were in the store already."""
    expected: Mapping[str, float]
    """Stage key -> seconds that it is expected to take, or units of work where nothing was ever timed."""
    rows: dict[str, Row] = field(default_factory=dict)
    jobs_done: int = 0
    failures: int = 0
    """Runs that ended by an error of their own, by taking too long, or for want of memory."""
    preemptions: int = 0
    """Runs that ended with their worker or their node."""
    running: dict[str, tuple[Stage, float]] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)
    _work_done: float = 0.0
    _statuses: Counter[str] = field(default_factory=Counter)
    _best: tradeoff.Cell | None = None
    _best_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._statuses.update(row["status"] for row in self.rows.values())

    def start(self, stages: Sequence[Stage]) -> None:
        """A job was given to a worker."""
        with self._lock:
            self.running[stages[0].key] = (stages[0], time.monotonic())

    def end(self, stages: Sequence[Stage], *, done: bool) -> None:
        """A run of a job ended."""
        with self._lock:
            self.running.pop(stages[0].key, None)
            if done:
                self.jobs_done += 1
                self._work_done += max(self.expected[stage.key] for stage in stages)

    def row(self, row: Row) -> None:
        """A trial ended."""
        with self._lock:
            self.rows[row["trial_id"]] = row
            self._statuses[row["status"]] += 1

    @property
    def elapsed(self) -> float:
        """Seconds since the sweep began."""
        return time.monotonic() - self.started

    def counts(self) -> tuple[int, int]:
        """Finished and failed trials, earlier launches included."""
        with self._lock:
            return self._statuses["finished"], self._statuses["failed"]

    def remaining(self, total_work: float) -> float | None:
        """Seconds until the end at the speed so far; null before anything is done."""
        if not self._work_done:
            return None
        return self.elapsed * max(0.0, total_work - self._work_done) / self._work_done

    def best(self) -> tradeoff.Cell | None:
        """The best trade-off so far, as of a moment ago: with many trials it is looked for less often."""
        if time.monotonic() >= self._best_at:
            began = time.monotonic()
            with self._lock:
                rows = list(self.rows.values())
            self._best = tradeoff.best(rows)
            self._best_at = time.monotonic() + BEST_SHARE * (time.monotonic() - began)
        return self._best

    def snapshot(self) -> list[tuple[Stage, float]]:
        """The stages that run now, and for how many seconds each has."""
        now = time.monotonic()
        with self._lock:
            return [(stage, now - since) for stage, since in self.running.values()]


def outcome(record: Mapping[str, Any]) -> dict[str, Any]:
    """What trials that wait are told of a finished stage."""
    numbers = {name: value for name, value in record["metrics"].items() if isinstance(value, (int, float))}
    return {"status": FINISHED, "metrics": numbers}
