"""Asks a driver to end in order once the process that started it is gone.

`python -m orchestrator.remote.keeper PID CREATED` waits on a pipe, which the system closes when the other end's process
ends, in whatever way. A process id may belong to a stranger by then; the time at which a process was made tells.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from orchestrator.processes import start_python

SAME = 0.01
"""Seconds by which two readings of one process's time of making may differ."""


def keep(pid: int) -> subprocess.Popen[Any]:
    """Have a process end in order after this one, in whatever way this one ends."""
    created = psutil.Process(pid).create_time()
    return start_python(
        "orchestrator.remote.keeper",
        [str(pid), repr(created)],
        folder=Path("/"),
        environment=os.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def terminate_if_same(pid: int, created: float) -> None:
    """Ask a process to end, unless the one that was meant is gone and another has its id."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if abs(process.create_time() - created) < SAME:
            process.terminate()


if __name__ == "__main__":
    sys.stdin.buffer.read()
    terminate_if_same(int(sys.argv[1]), float(sys.argv[2]))
