"""One node as a worker knows it: where it is, and whether the kernel took its memory's processes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

OOM_COUNTERS = (
    "/sys/fs/cgroup/memory.events",
    "/sys/fs/cgroup/memory/memory.oom_control",
    "/proc/vmstat",
)
"""Where Linux counts the processes that it has killed for memory: of the container, else of the machine."""


@dataclass(frozen=True)
class WorkerPlace:
    """Where a worker runs."""

    pid: int
    node_id: str
    oom_kills: int | None
    """What the node had counted when the worker came up; null where it does not count."""
    host: str = ""


def count_oom_kills() -> int | None:
    """How many processes the kernel has killed for memory so far; null where it does not say."""
    for name in OOM_COUNTERS:
        try:
            lines = Path(name).read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return None
