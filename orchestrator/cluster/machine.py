"""Whether Ray can run on this machine at all. Where it cannot, Ray itself says nothing for minutes."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import tempfile
from pathlib import Path

from orchestrator.text import format_bytes
from tasks.errors import UsageError

LOOPBACK = "127.0.0.1"
MOST_FILES = 65536
"""Ray raises its own limit to as much, where it may."""
FEWEST_FILES = 256
"""Open files that Ray's processes need; with fewer they end while they start."""
LONGEST_FOLDER = 20
"""Characters that a temporary folder's name may have before Ray's sockets below it get names too long to exist."""
LEAST_ROOM = 32_000_000
"""Bytes that are left for temporary files: Ray's logs, and the files of a stage before they are published."""
MEMORY_SHARE = 0.95
"""Of the memory, from which on Ray ends processes, unless its own variable says another."""
ANSWER = 2.0
"""Seconds that a connection from this machine to itself may take."""


def check_machine() -> None:
    """Whether a private Ray can start here.

    :raises UsageError: processes may open too few files, have no room for temporary ones, or cannot reach each other.
    """
    for folder in {find_private_parent(), Path(tempfile.gettempdir())}:
        _check_room(folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = MOST_FILES if hard == resource.RLIM_INFINITY else max(soft, min(hard, MOST_FILES))
    if allowed < FEWEST_FILES:
        raise UsageError(
            f"a process may open {allowed} files here, and Ray needs {FEWEST_FILES}: raise the limit (ulimit -n 4096)"
        )
    try:
        with socket.create_server((LOOPBACK, 0)) as server:
            socket.create_connection(server.getsockname(), ANSWER).close()
    except OSError as error:
        raise UsageError(
            f"processes of this machine cannot reach each other on {LOOPBACK}, which Ray needs: {error}; "
            "is the loopback interface up (ip link set lo up)?"
        ) from error


def find_private_parent() -> Path:
    """Where Ray's private folders are made: where temporary files are kept, unless that has too long a name."""
    parent = Path(tempfile.gettempdir())
    return parent if len(str(parent)) <= LONGEST_FOLDER else Path("/tmp")


def _check_room(folder: Path) -> None:
    """:raises UsageError: the disk is full; Ray would be silent for half a minute, or fill the terminal."""
    left = shutil.disk_usage(folder).free
    if left < LEAST_ROOM:
        raise UsageError(
            f"{folder}, for temporary files, has {format_bytes(left)} left, and a launch needs "
            f"{format_bytes(LEAST_ROOM)}: remove something, or let TMPDIR name another folder, in at most "
            f"{LONGEST_FOLDER} characters"
        )


def find_memory_shortage() -> str | None:
    """That Ray ends processes of this machine for want of memory, in words; null while it has no reason to."""
    from ray._common.utils import get_system_memory
    from ray._private.utils import get_used_memory  # of the container, where there is one, as Ray itself looks

    share = float(os.environ.get("RAY_memory_usage_threshold") or MEMORY_SHARE)  # noqa: SIM112 - so Ray spells it
    used, total = get_used_memory(), get_system_memory()
    if used < share * total:
        return None
    amount = f"{used / 2**30:.1f} of {total / 2**30:.1f} GiB of memory are in use"
    return f"{amount}, and from {share:.0%} on Ray ends processes"
