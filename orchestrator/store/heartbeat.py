"""The sign of life that a driver leaves in the storage, and how others tell from it whether the driver lives.

A reader judges by the age of the file, by the clock of the storage and its own, which may differ by 20 seconds. A
reader that keeps looking needs no clock but its own: a heart that has beaten since the last look is alive, and one that
has not for as long as `ALIVE_WITHIN` is dead. Clocks jump: whoever removes something because a driver is dead watches
it first, whatever the clocks say.
"""

from __future__ import annotations

import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, Literal

import psutil
from pydantic import Field

from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tasks.errors import UnreadableError
from tasks.storage.documents import Count, Document, Seconds, note_passed_over

FORMAT = 1
BEAT = 5.0
"""Seconds between two signs of life."""
ALIVE_WITHIN = 30.0
"""Seconds without one after which a driver counts as dead."""
CLOCKS_DIFFER = 20.0
"""Seconds by which the clock of the storage may be ahead of a reader's."""
WATCHED = 4 * BEAT
"""Seconds within which a driver that lives is seen to, by the reader's own clock."""
LOOK = 0.2
"""Seconds between two looks."""
FORGOTTEN_AFTER = 3600.0
"""Seconds after which the next driver removes what a dead one left."""
FORGETS_AT = 8
"""The beat after which it has watched the others for long enough, whatever the clocks say."""
RUNNING, ENDED = "running", "ended"


class RunningStage(Document):
    """A stage that a driver has given to a worker."""

    stage: str
    key: str
    model: str
    seed: int
    what: str = ""
    """Settings that tell it from others; empty in signs of earlier versions."""
    epoch: Count | None = None
    epochs: Count | None = None
    where: str
    seconds: Seconds


class DriverDocument(Document):
    """A sign of life."""

    host: str
    pid: Annotated[int, Field(gt=0, lt=2**31)]
    beat: Count
    state: Literal["running", "ended"]
    outcome: str | None
    written_at: Seconds
    jobs: Count
    jobs_done: Count
    reused: Count
    eta_seconds: Seconds | None
    eta_is_least: bool = False
    """Absent in signs of earlier versions."""
    running: list[RunningStage]


class Heartbeat:
    """Publishes what a driver knows, every few seconds until its end."""

    def __init__(self, sweep: SweepStore, facts: Callable[[], dict[str, Any]], on_error: Callable[[Exception], None]):
        self._sweep, self._facts, self._on_error = sweep, facts, on_error
        launch = f"{time.strftime('%Y%m%dT%H%M%S')}-{uuid.uuid4().hex[:8]}"
        self._name = sweep.path(paths.DRIVERS, f"{launch}.json")
        self._count = 0
        self._warned = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Beat for the first time, and go on in a thread: once this returns, others see that a driver lives."""
        self._beat(RUNNING)
        self._thread.start()

    def end(self, outcome: str) -> None:
        """Say in the last beat what became of the sweep."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()
        self._beat(ENDED, outcome)

    def _run(self) -> None:
        pulse = Pulse()
        forget = partial(self._forget_dead_drivers, pulse)
        self._attempt(forget)
        while not self._closing.wait(BEAT):
            self._beat(RUNNING)
            if self._count == FORGETS_AT:
                self._attempt(forget)

    def _beat(self, state: str, outcome: str | None = None) -> None:
        self._count += 1
        self._attempt(partial(self._write, state, outcome))

    def _write(self, state: str, outcome: str | None) -> None:
        content = {
            "format": FORMAT,
            "host": platform.node(),
            "pid": os.getpid(),
            "beat": self._count,
            "state": state,
            "outcome": outcome,
            "written_at": time.time(),
            **self._facts(),
        }
        self._sweep.storage.write(self._name, json.dumps(content).encode())

    def _attempt(self, action: Callable[[], None]) -> None:
        """Do something on which the sweep does not depend. That it failed is said once, and the next beat comes."""
        try:
            action()
        except Exception as error:  # a thread that died of it would leave a driver that lives and counts as dead
            if not self._warned:
                self._warned = True
                self._on_error(error)

    def _forget_dead_drivers(self, pulse: Pulse) -> None:
        for driver in pulse.drivers(self._sweep):
            silent = driver.certain and not driver.alive and driver.silent > FORGOTTEN_AFTER
            if driver.facts["state"] == ENDED or silent:
                self._sweep.storage.remove(self._sweep.path(paths.DRIVERS, driver.name))


def read_beats(sweep: SweepStore) -> list[tuple[str, dict[str, Any], float]]:
    """The last beat of every driver: file, content, and age in seconds; the newest last.

    What cannot be read is named and passed over.
    """
    found = []
    try:
        names = sweep.storage.list_names(sweep.path(paths.DRIVERS))
    except UnreadableError as error:
        note_passed_over(error)
        return []
    for name in names:
        path = sweep.path(paths.DRIVERS, name)
        try:
            content = sweep.storage.read_document(path, DriverDocument)
        except FileNotFoundError:
            continue  # the next driver has removed it
        except UnreadableError as error:
            note_passed_over(error)
            continue
        changed = sweep.storage.get_change_time(path)
        found.append((name, content, time.time() - (changed or content["written_at"])))
    return sorted(found, key=lambda entry: -entry[2])


@dataclass(frozen=True)
class Driver:
    """A driver as it was when it last gave a sign of life."""

    name: str
    """Of its file."""
    facts: dict[str, Any]
    age: float
    """Seconds since then, as far as this reader can say."""
    silent: float
    """Seconds since then by the clocks, of which one may have jumped."""
    alive: bool
    certain: bool
    """Whether it may be acted upon: a clock that jumped would make no difference."""


class Pulse:
    """Judges for one reader which drivers live; the longer it looks, the less it needs the clocks of others."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, float, bool]] = {}
        """File -> the count of beats, when it was first seen by this reader's own clock, and whether it has changed."""

    def drivers(self, sweep: SweepStore) -> list[Driver]:
        """Every driver that the storage knows, the newest last."""
        return [self._judge(sweep.sweep_id, name, content, age) for name, content, age in read_beats(sweep)]

    def watch_drivers(self, sweep: SweepStore) -> list[Driver]:
        """As `drivers`; where that depends on clocks alone, they are watched until one beats or all had time to."""
        until = time.monotonic() + WATCHED
        while True:
            found = self.drivers(sweep)
            if any(driver.alive and driver.certain for driver in found) or all(driver.certain for driver in found):
                return found
            if time.monotonic() > until:
                return [replace(driver, alive=driver.alive and driver.certain, certain=True) for driver in found]
            time.sleep(LOOK)

    def _judge(self, sweep_id: str, name: str, content: dict[str, Any], silent: float) -> Driver:
        now, count, file = time.monotonic(), int(content["beat"]), f"{sweep_id}/{name}"
        before = self._seen.get(file)
        if before is None or before[0] != count:
            self._seen[file] = (count, now, before is not None)
        _, since, moved = self._seen[file]
        watched = now - since
        age = watched if moved or watched > ALIVE_WITHIN else silent
        certain = content["state"] == ENDED or -CLOCKS_DIFFER < age < ALIVE_WITHIN or watched > ALIVE_WITHIN
        return Driver(
            name,
            content,
            max(0.0, age),
            silent,
            alive=content["state"] == RUNNING and age < ALIVE_WITHIN,
            certain=certain or moved or _is_gone(content),
        )


def _is_gone(content: dict[str, Any]) -> bool:
    """Whether a driver of this machine has no process any more; of others nobody here can say."""
    return content["host"] == platform.node() and not psutil.pid_exists(content["pid"])
