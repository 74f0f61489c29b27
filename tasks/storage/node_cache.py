"""Models of an object store, kept on this machine so that each is fetched once, whoever needs it here.

Files are named by the sha256 of their content, which is compared again when they are read. Workers of one node share
the folder: they appear by renaming, and one worker fetches while the others wait for it.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from tasks.environment import read_number
from tasks.fingerprints import get_cache_folder
from tasks.paths import make_temporary_name

LIMIT = "ADVSWEEP_CACHE_GB"
"""Environment variable: what the models of this machine's cache may take together."""
DEFAULT_LIMIT = 10.0
WAIT = 600.0
"""Seconds that a worker waits for another one's fetch before it fetches itself."""


@dataclass(frozen=True)
class NodeCache:
    """A folder of files by checksum. A cache that cannot be written only costs time."""

    folder: Path
    limit: int
    """Bytes; what was used longest ago goes first."""

    @classmethod
    def of_this_node(cls) -> NodeCache:
        """The cache below `$ADVSWEEP_CACHE`, else the user's cache folder.

        :raises UsageError: its limit is no number of gigabytes, or more than a petabyte.
        """
        return cls(
            get_cache_folder() / "models", int(read_number(LIMIT, DEFAULT_LIMIT, "gigabytes", largest=1e6) * 1e9)
        )

    def fetch(self, checksum: str, get: Callable[[], bytes]) -> bytes:
        """The content of this checksum: from here, or from `get`, which is called by one process at a time.

        :param checksum: sha256 in hex.
        """
        found = self._read(checksum)
        if found is not None:
            return found
        lock = FileLock(self.folder / "locks" / checksum[:2])
        try:
            (self.folder / "locks").mkdir(parents=True, exist_ok=True)
            held = lock.acquire(timeout=WAIT)
        except OSError:  # a time-out is one too
            return get()
        with held:
            found = self._read(checksum)
            if found is None:
                found = get()
                self.keep(checksum, found)
            return found

    def keep(self, checksum: str, content: bytes) -> None:
        """Add a content, and remove what was used longest ago where that is too much."""
        if len(content) > self.limit:
            return
        target = self.folder / checksum
        draft = target.with_name(make_temporary_name(checksum, uuid.uuid4().hex[:8]))
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(content)
            draft.replace(target)
            self._trim()
        except OSError:
            draft.unlink(missing_ok=True)

    def _read(self, checksum: str) -> bytes | None:
        path = self.folder / checksum
        try:
            content = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        if hashlib.sha256(content).hexdigest() == checksum:
            return content
        path.unlink(missing_ok=True)
        return None

    def _trim(self) -> None:
        entries = []
        for file in self.folder.iterdir():
            try:
                entries.append((file.stat().st_mtime, file.stat().st_size, file))
            except FileNotFoundError:
                continue  # another worker trims too
        entries = [entry for entry in entries if entry[2].is_file()]
        total = sum(size for _, size, _ in entries)
        for _, size, file in sorted(entries):
            if total <= self.limit:
                return
            file.unlink(missing_ok=True)
            total -= size
