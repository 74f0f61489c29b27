"""Who works in a storage that has no locks: a file says every few seconds that its writer lives.

Ages are differences of times of the storage's own clock, a file of the reader's against those of others.
"""

from __future__ import annotations

import json
import os
import platform
import threading
import time
import uuid
from contextlib import suppress
from types import TracebackType

from tasks import paths
from tasks.errors import UnreadableError, UsageError
from tasks.storage.storage import Storage

BEAT = 5.0
"""Seconds between two signs of life."""
ALIVE_WITHIN = 30.0
"""Seconds without one after which others count their writer as dead."""
LONGEST_GAP = 20.0
"""Seconds without one after which a writer takes itself for dead: sooner than others do."""


class Presence:
    """The file of one process, for as long as it works: a context."""

    def __init__(self, storage: Storage, role: str) -> None:
        """:param role: what it does, such as `launch`."""
        self._storage = storage
        self._name = f"{paths.BUSY}/{role}-{uuid.uuid4().hex[:12]}.json"
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)
        self._last = time.monotonic()
        self._stood_still = False

    def __enter__(self) -> Presence:
        self._beat()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._thread.join()
        self._storage.remove(self._name)

    def check(self) -> None:
        """:raises UsageError: others may have counted this process as dead, and have gone on."""
        if self._stood_still or time.monotonic() - self._last > LONGEST_GAP:
            raise UsageError("this process stood still, or did not reach the storage, for too long: start it again")

    def find_others(self, role: str) -> list[str]:
        """The names of the files of living processes that do this."""
        self._beat()
        now = self._storage.get_change_time(self._name)
        found = []
        for name in self._storage.list_names(paths.BUSY):
            changed = self._storage.get_change_time(f"{paths.BUSY}/{name}") if name.startswith(f"{role}-") else None
            if changed is None:
                continue
            if now is None or now - changed < ALIVE_WITHIN:
                found.append(name)
            else:
                self._storage.remove(f"{paths.BUSY}/{name}")  # so that it does not count when it is back
        return found

    def _beat(self) -> None:
        begun = time.monotonic()
        content = {"host": platform.node(), "pid": os.getpid()}
        self._storage.write(self._name, json.dumps(content).encode())
        self._stood_still |= time.monotonic() - self._last > LONGEST_GAP
        self._last = begun

    def _run(self) -> None:
        while not self._closing.wait(BEAT):
            with suppress(OSError, UnreadableError):  # the next beat comes, or `check` says that none did
                self._beat()
