"""Whether Ray can run on this machine at all. Where it cannot, Ray itself says nothing for minutes."""

from __future__ import annotations

import os
import resource
import socket

from tasks.errors import UsageError

LOOPBACK = "127.0.0.1"
MOST_FILES = 65536
"""Ray raises its own limit to as much, where it may."""
FEWEST_FILES = 256
"""Open files that Ray's processes need; with fewer they end while they start."""
MEMORY_SHARE = 0.95
"""Of the memory, from which on Ray ends processes, unless its own variable says another."""
ANSWER = 2.0
"""Seconds that a connection from this machine to itself may take."""


def check_machine() -> None:
    """Whether a private Ray can start here.

    :raises UsageError: processes may open too few files, or cannot reach each other.
    """
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
