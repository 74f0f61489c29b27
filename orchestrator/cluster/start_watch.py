"""Ray's own processes while it starts: where one of them ends, Ray would say nothing for a minute, or a traceback."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil

from tasks.errors import UsageError
from tasks.printable import make_printable

CONTROL = ("gcs_server", "raylet")
"""Without these there is no Ray."""
ERROR = re.compile(r"^\[[^]]* ([CEF]) \d+ \d+\] (?:\([a-z_]+\) )?[^\s:]+:\d+:\s*(?![@\s]|PC:)(.*\S)")
"""A line of Ray's logs that tells of an error: `[2026-01-31 12:00:00,000 C 17 17] (raylet) main.cc:9: no room`."""
MOST_CHARACTERS = 300
INTERVAL = 0.2
GRACE = 3.0
"""Seconds in which Ray may notice the loss by itself."""
FAILED = "Ray could not be started; nothing has begun, and nothing is lost: the same command tries again"


@contextlib.contextmanager
def watch_start(folder: Path) -> Iterator[None]:
    """Start a Ray inside; if one of its processes ends meanwhile, so does this one, with a line that says so, and the
    last error of its log.

    :param folder: where Ray keeps its sessions.
    :raises UsageError: Ray itself says that it could not start.
    """
    started = threading.Event()
    threading.Thread(target=_watch, args=(started, folder), name="start", daemon=True).start()
    try:
        yield
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
        raise UsageError(f"{FAILED}. It says: {reason}") from error
    finally:
        started.set()


def _watch(started: threading.Event, folder: Path) -> None:
    known: dict[str, psutil.Process] = {}
    while not started.wait(INTERVAL):
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.Error):
                if (name := child.name()) in CONTROL:
                    known[name] = child
        if lost := next((name for name, child in known.items() if not _lives(child)), None):
            if not started.wait(GRACE):
                end = f"Its process {known[lost].pid} ({lost}) was ended{_find_last_error(folder, lost)}"
                print(make_printable(f"error: {FAILED}. {end}"), file=sys.stderr, flush=True)  # noqa: T201
                os._exit(2)  # what waits for Ray in the main thread cannot be interrupted
            return


def _find_last_error(folder: Path, name: str) -> str:
    """What a process of Ray wrote last of errors, as the end of a sentence; empty where it wrote none."""
    for log in sorted(folder.glob(f"session_*/logs/{name}*.[eo]*"), reverse=True):  # *.out, then *.err
        with contextlib.suppress(OSError):
            lines = log.read_text(errors="replace").splitlines()
            found = [(match[1] != "E", match[2]) for line in lines if (match := ERROR.search(line))]
            if found:  # one that ends the process before what follows from it
                _, last = max(reversed(found), key=lambda entry: entry[0])
                return f". It said: {last[:MOST_CHARACTERS]}"
    return ""


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
