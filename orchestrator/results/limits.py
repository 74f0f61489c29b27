"""Bounds on what a query may take of this machine, whoever wrote it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

TIMEOUT, DEFAULT_TIMEOUT = "ADVSWEEP_SQL_TIMEOUT", 300.0
"""Environment variable: seconds that a query may take."""
MEMORY, DEFAULT_MEMORY = "ADVSWEEP_SQL_GB", 4.0
"""Environment variable: gigabytes that a query and its answer may take beside what the process has already."""


@contextlib.contextmanager
def limit_memory(size: float) -> Iterator[None]:
    """Let this process have so many more bytes; an allocation beyond them fails with the error of whoever asks.

    A limit of the address space, where the system knows one: DuckDB's own does not count the values of texts and lists.
    """
    try:
        import resource

        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except (ImportError, OSError):  # not Linux
        yield
        return
    before, most = resource.getrlimit(resource.RLIMIT_AS)
    wanted = taken + int(size)
    allowed = [wanted, *(limit for limit in (before, most) if limit != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_AS, (min(allowed), most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (before, most))


@contextlib.contextmanager
def limit_time(seconds: float, interrupt: Callable[[], None]) -> Iterator[threading.Event]:
    """Call `interrupt` once the time is up; the event says whether it was."""
    over = threading.Event()

    def end() -> None:
        over.set()
        interrupt()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield over
    finally:
        timer.cancel()
