"""Rows of trials as they end: durable within a second, few files."""

from __future__ import annotations

import threading
from collections.abc import Callable

from orchestrator.store.sweep_store import SweepStore
from tasks.errors import UnreadableError
from tasks.trial.row import Row

INTERVAL = 1.0
"""Seconds between two parts of the table. Rows follow from artifacts, so a kill in between loses nothing."""


class RowWriter:
    """Buffers rows and writes them as parts of the trials table, from a thread of its own."""

    def __init__(self, sweep: SweepStore, on_error: Callable[[Exception], None]) -> None:
        self._sweep = sweep
        self._on_error = on_error
        self._pending: list[Row] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._write_often, name="rows", daemon=True)
        self._thread.start()

    def add(self, row: Row) -> None:
        """Take a row; it is written within a second or so."""
        with self._lock:
            self._pending.append(row)

    def close(self) -> None:
        """Write what is left, and make one part of all."""
        self._closing.set()
        self._thread.join()
        if self.flush():
            self._compact()

    def rewrite(self, rows: list[Row]) -> None:
        """Replace rows after everything else is written."""
        self._pending += rows
        if self.flush():
            self._compact()

    def _compact(self) -> None:
        try:
            self._sweep.compact_rows()
        except (OSError, UnreadableError) as error:
            self._on_error(error)

    def flush(self) -> bool:
        """Write what has come in since the last part; false where that failed."""
        with self._lock:
            rows, self._pending = self._pending, []
        try:
            if rows:
                self._sweep.write_rows(rows)
            return True
        except (OSError, UnreadableError) as error:
            with self._lock:
                self._pending = rows + self._pending
            self._on_error(error)
            return False

    def _write_often(self) -> None:
        while not self._closing.wait(INTERVAL):
            self.flush()
