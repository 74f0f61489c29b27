"""Every process of a sweep, by what it is, and a storm that kills them by a seed and spares none."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import psutil

from orchestrator.cluster.guard import find_marked_processes
from tasks.temporary import PREFIX
from tests.support.clusters import alive, family
from tests.support.harness import kill, spawn, wait_until

STUB = "stub"
"""What stands for another process, which is here too, and ends with it."""
KINDS = {
    "worker_stub.py": STUB,
    "gcs_server": "control service",
    "raylet": "raylet",
    "StageWorker": "stage worker",
    "ImplicitFunc": "coordinator",
    "BoardActor": "board",
    "orchestrator.cluster.guard": "guard",
    "-m wandb sync": "W&B sender",
    "wandb": "W&B writer",
    "Agent": "agent",
    "/dashboard/": "agent",
    "log_monitor": "agent",
    "read word": "last words",
    "IDLE": "idle worker",
}
"""What stands in a process's name or command line -> what it is."""
ENDING = {"driver", "control service", "raylet"}
"""Without these a launch ends."""
COSTLY = {*ENDING, "agent", "stage worker"}
"""Their loss costs work: they are spared until there is some since the last of them was killed, however busy all is."""
PROGRESS = ("checkpoints/[!.]*", "stages/[!.]*", "sweeps/*/trials/*", "sweeps/*/wandb/wandb/*")
"""What grows or changes while a sweep comes on."""
LONGEST_END = 120.0
"""Seconds in which a launch without one of these has to end."""
PAUSES = (0.05, 0.8)
"""Seconds between two kills."""


class Launch:
    """A launch that runs, and every process that it was seen with."""

    def __init__(self, command: Sequence[str | Path], temporary: Path) -> None:
        """:param temporary: where the processes of the launch keep temporary files, and nobody else does."""
        self._temporary = temporary
        self.driver = spawn(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ | {"TMPDIR": str(temporary), "ADVSWEEP_HEAD_TIMEOUT": "3"},
        )
        self.seen: set[int] = set()

    @property
    def runs(self) -> bool:
        return self.driver.poll() is None

    def sort_processes(self) -> dict[str, list[int]]:
        """Ids of the processes that live, by what they are."""
        pids = family(self.driver.pid)
        for folder in self._temporary.glob(f"{PREFIX}*"):
            pids |= {process.pid for process in find_marked_processes(folder)}
        found: dict[str, list[int]] = {}
        for pid in sorted(alive(pids)):
            if (name := self._name(pid)) != STUB:
                found.setdefault(name, []).append(pid)
        self.seen |= pids
        return found

    def _name(self, pid: int) -> str:
        if pid == self.driver.pid:
            return "driver"
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            text = f"{process.name()} {' '.join(process.cmdline())}"
            return next((kind for mark, kind in KINDS.items() if mark in text), "other")
        return "other"


class Storm:
    """What was killed."""

    def __init__(self, storage: Path, killed: Counter[str]) -> None:
        """:param killed: how many of each kind were killed before; counted on."""
        self.killed = killed
        self.launches = 0
        self.seen: set[int] = set()
        """Ids of every process that there was."""
        self._storage = storage
        self._reached: set[tuple[str, int]] = set()

    def kill_one(self, launch: Launch, chance: random.Random) -> None:
        """Kill one process: a kind by chance, of those that were killed least, then one of that kind; or nobody yet.

        At least a third are such that cost work.
        """
        time.sleep(chance.uniform(*PAUSES))
        found = launch.sort_processes()
        reached = measure_progress(self._storage)
        costly = sum(self.killed[kind] for kind in COSTLY)
        cheap = self.killed.total() - costly <= 3 + 2 * costly
        kinds = sorted(kind for kind in found if (reached != self._reached if kind in COSTLY else cheap))
        if not launch.runs or not kinds:
            return
        rarest = min(self.killed[kind] for kind in kinds)
        kind = chance.choice([kind for kind in kinds if self.killed[kind] == rarest])
        kill([chance.choice(found[kind])])
        self.killed[kind] += 1
        if kind in COSTLY:
            self._reached = reached
        if kind in ENDING:
            with contextlib.suppress(subprocess.TimeoutExpired):
                launch.driver.wait(timeout=LONGEST_END)
            assert not launch.runs, f"it goes on without its {kind}"


def measure_progress(storage: Path) -> set[tuple[str, int]]:
    """What there is, and when it was written."""
    found = set()
    for file in (file for pattern in PROGRESS for file in storage.glob(pattern)):
        with contextlib.suppress(FileNotFoundError):
            found.add((file.name, file.stat().st_mtime_ns))
    return found


def list_drivers(storage: Path) -> set[str]:
    """The files in which drivers say that they live: there is one as soon as a launch has its Ray."""
    return {file.name for file in storage.glob("sweeps/*/drivers/*.json")}


def blow(
    command: Sequence[str | Path],
    storage: Path,
    kills: int,
    chance: random.Random,
    temporary: Path,
    killed: Counter[str],
) -> Storm:
    """Launch and kill until so many processes were killed, or nothing is left to run.

    :param command: a launch into the storage.
    :param kills: those before included.
    :param killed: how many of each kind were killed before; counted on.
    """
    storm = Storm(storage, killed)
    while storm.killed.total() < kills:
        storm.launches += 1
        launch = Launch(command, temporary)
        before = list_drivers(storage)
        assert wait_until(lambda: bool(list_drivers(storage) - before) or not launch.runs)  # noqa: B023
        while launch.runs and storm.killed.total() < kills:
            storm.kill_one(launch, chance)
        storm.seen |= launch.seen
        if launch.runs:
            kill([launch.driver.pid])  # the last one, so that nothing of it goes on
            storm.killed["driver"] += 1
        if launch.driver.wait() == 0:
            break
    return storm
