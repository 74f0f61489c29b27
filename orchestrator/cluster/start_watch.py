"""Ray's own processes while it starts: where one of them ends, Ray would say nothing for a minute, or a traceback."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

import psutil

from tasks.errors import UsageError

CONTROL = ("gcs_server", "raylet")
"""Without these there is no Ray."""
INTERVAL = 0.2
GRACE = 3.0
"""Seconds in which Ray may notice the loss by itself."""
FAILED = "Ray could not be started; nothing has begun, and nothing is lost: the same command tries again"


@contextlib.contextmanager
def watch_start() -> Iterator[None]:
    """Start a Ray inside; if one of its processes ends meanwhile, so does this one, with a line that says so.

    :raises UsageError: Ray itself says that it could not start.
    """
    started = threading.Event()
    threading.Thread(target=_watch, args=(started,), name="start", daemon=True).start()
    try:
        yield
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
        raise UsageError(f"{FAILED}. It says: {reason}") from error
    finally:
        started.set()


def _watch(started: threading.Event) -> None:
    known: dict[int, psutil.Process] = {}
    while not started.wait(INTERVAL):
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.Error):
                if child.name() in CONTROL:
                    known[child.pid] = child
        if lost := next((child for child in known.values() if not _lives(child)), None):
            if not started.wait(GRACE):
                print(f"error: {FAILED}. Its process {lost.pid} was ended", file=sys.stderr, flush=True)  # noqa: T201
                os._exit(2)  # what waits for Ray in the main thread cannot be interrupted
            return


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
