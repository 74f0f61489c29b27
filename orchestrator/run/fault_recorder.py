"""Faults of a running sweep, written down for `advsweep status` and, with their tracebacks, for people."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from orchestrator.store.fault_log import FaultLog
from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tasks.trial.chain import Stage


class FaultRecorder:
    """Writes each fault to the log of this launch and to the file with tracebacks."""

    def __init__(self, sweep: SweepStore, warn: Callable[[str], None]) -> None:
        """:param warn: shows the user a line about what could not be written."""
        self._log = FaultLog(sweep)
        self._storage = sweep.storage
        self._file = sweep.path(paths.LOGS, "failures.log")
        self._warn = warn
        self._lock = threading.Lock()
        self.written = False
        """Whether there is anything to read at that place."""

    @property
    def place(self) -> str:
        """Where the tracebacks are, for people."""
        return str(self._storage.describe_place(self._file))

    def record(self, what: str, stages: Sequence[Stage], error: str, retried: bool, trace: str = "") -> None:
        """Write down that a run ended badly.

        :param what: `FAILURE` or `PREEMPTION`.
        :param retried: whether the stages are tried again.
        """
        names = ", ".join(f"{stage.kind} {stage.key[:12]}" for stage in stages)
        try:
            with self._lock:
                self._log.add(what, stages, error, retried)
                self._storage.append(self._file, f"{names}: {error}\n{trace}")
                self.written = True
        except OSError as problem:
            self._warn(f"a {what} could not be logged: {error}: {problem}")
