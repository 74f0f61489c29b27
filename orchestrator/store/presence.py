"""Who works in a storage that has no locks: a file says every few seconds that its writer lives.

Clocks jump and differ, so a reader watches by its own, which only goes forward, whether the files of others change.
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
Seen = dict[str, tuple[float | None, float]]
"""File -> its time of change, and since when this reader has seen that, by its own clock."""


class Presence:
    """The file of one process, for as long as it works: a context."""

    def __init__(self, storage: Storage, role: str, seen: Seen | None = None) -> None:
        """:param role: what it does, such as `launch`.
        :param seen: what was seen of others before; written to.
        """
        self._storage = storage
        self._seen = {} if seen is None else seen
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
        """The names of the files of processes that do this, and are not known to be dead."""
        found = []
        for name in self._storage.list_names(paths.BUSY):
            file = f"{paths.BUSY}/{name}"
            changed = self._storage.get_change_time(file) if name.startswith(f"{role}-") else None
            if changed is None:
                continue
            now = time.monotonic()
            before, since = self._seen.setdefault(name, (changed, now))
            if before != changed:
                self._seen[name] = (changed, now)
            elif now - since > ALIVE_WITHIN:
                self._storage.remove(file)
                continue
            found.append(name)
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
