"""Buries the private Ray of a driver that was killed: Ray's own agents would live on for a minute.

`python -m orchestrator.cluster.guard FOLDER` waits on a pipe, which the system closes when the driver ends, in whatever
way. Whoever belongs to that Ray is known by its working directory or by a variable, which processes inherit (Ray's
workers overwrite their variables with their title), and by nothing that could be given to a stranger later, as a
process id can.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from orchestrator.processes import start_python
from tasks.temporary import remove_temporary_folder

MARK = "ADVSWEEP_RAY"
"""Environment variable of the processes of a private Ray: its folder, which is also where they run."""
GRACE = 3.0
"""Seconds in which the processes of a killed driver's Ray may end by themselves."""
LONGEST_BURIAL = 20.0


@contextlib.contextmanager
def guard(folder: Path) -> Iterator[None]:
    """Have the processes that are started inside end with this one, and the folder removed.

    :param folder: of a private Ray; its processes carry it in the variable `MARK`.
    """
    unmarked = {name: value for name, value in os.environ.items() if name != MARK}
    process = start_python(
        "orchestrator.cluster.guard",
        [str(folder)],
        folder=Path("/"),
        environment=unmarked,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def find_marked_processes(folder: Path) -> list[psutil.Process]:
    """The processes of a private Ray that live."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE and _is_marked(process, str(folder)):
                found.append(process)
    return found


def _is_marked(process: psutil.Process, folder: str) -> bool:
    """:param folder: with ` (deleted)` behind it, where it has been removed already."""
    return process.cwd().removesuffix(" (deleted)") == folder or process.environ().get(MARK) == folder


def bury(folder: Path) -> None:
    """End every process of a private Ray, those included that another has started meanwhile."""
    until = time.monotonic() + LONGEST_BURIAL
    while (left := find_marked_processes(folder)) and time.monotonic() < until:
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()  # looks first whether it is still the same process
        psutil.wait_procs(left, timeout=1)


def main(folder: Path) -> None:
    """Wait for the end of the driver, then bury its Ray."""
    sys.stdin.buffer.read()
    time.sleep(GRACE)
    bury(folder)
    remove_temporary_folder(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
