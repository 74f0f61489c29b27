"""sha256 of every file of a folder, remembered on this machine by size and time of change.

A folder of a million images is read once, by several threads, whichever process asks first; those that ask meanwhile
wait for it. What is read is noted on the way, so that a process which is killed loses a portion of it at most. Sizes
and times of change are looked at each time: a file that is not as it was is read again.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PORTION = 2000
"""Files that are noted at a time."""
STATE = struct.Struct("<32sQq")
"""What is remembered of a file: its digest, its size in bytes, and its time of change in nanoseconds."""


def count_threads() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def hash_files(
    folder: Path, names: Sequence[str], memory: Path, digest: Callable[[Path], str], threads: int = 0
) -> list[str]:
    """sha256 in hex of each of the files of a folder, in their order.

    :param names: relative to the folder.
    :param memory: the file that remembers what was read; one that cannot be written only costs time.
    :param digest: reads a file, and gives 64 hex digits.
    :param threads: that read at a time; 0: as many as there are CPUs.
    :raises OSError: a file cannot be read.
    """
    found = _FileMemory(memory).find_all(folder, names)
    if None in found:
        with _hold_lock(memory):
            remembered = _FileMemory(memory)  # another process may have read them meanwhile
            found = remembered.find_all(folder, names)
            missing = [place for place, known in enumerate(found) if known is None]
            with ThreadPoolExecutor(threads or count_threads()) as pool:
                for first in range(0, len(missing), PORTION):
                    places = missing[first : first + PORTION]
                    for place, text in zip(places, remembered.read(folder, names, places, digest, pool), strict=True):
                        found[place] = text
            remembered.tidy()
    return [text for text in found if text is not None]


@contextlib.contextmanager
def _hold_lock(memory: Path) -> Iterator[None]:
    """Let one process at a time read and remember; nobody waits where the cache cannot be written."""
    from filelock import FileLock

    lock = FileLock(memory.with_suffix(".lock"))
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError:
        yield
        return
    try:
        yield
    finally:
        lock.release()


class _FileMemory:
    """What is remembered of the files of one folder: a line for each time that one was read, the last one counts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, bytes] = {}
        self._lines = 0
        with contextlib.suppress(OSError), path.open("rb") as stream:
            for line in stream:
                self._read_line(line)

    def find_all(self, folder: Path, names: Sequence[str]) -> list[str | None]:
        """The digest of each file that is as it was; null where one has to be read."""
        return [self._find(name, (folder / name).stat()) for name in names]

    def _find(self, name: str, stat: os.stat_result) -> str | None:
        known = self._known.get(name)
        if known is None:
            return None
        content, size, changed = STATE.unpack(known)
        return content.hex() if (size, changed) == (stat.st_size, stat.st_mtime_ns) else None

    def read(
        self,
        folder: Path,
        names: Sequence[str],
        places: Sequence[int],
        digest: Callable[[Path], str],
        pool: ThreadPoolExecutor,
    ) -> list[str]:
        """Read the files at these places of the names, and remember them."""
        files = [folder / names[place] for place in places]
        states = [file.stat() for file in files]  # before they are read: never newer than what was read
        digests = list(pool.map(digest, files))
        lines = []
        for place, text, stat in zip(places, digests, states, strict=True):
            self._known[names[place]] = STATE.pack(bytes.fromhex(text), stat.st_size, stat.st_mtime_ns)
            lines.append(self._format_line(names[place]))
        self._lines += len(lines)
        with contextlib.suppress(OSError), self._path.open("ab") as stream:
            # a line that a killed process has left half written ends here
            stream.write(b"\n" * (stream.tell() > 0) + b"".join(lines))
        return digests

    def tidy(self) -> None:
        """Leave out what later lines have replaced, where that is more than half."""
        if self._lines > 2 * len(self._known):
            draft = self._path.with_suffix(".new")
            with contextlib.suppress(OSError):
                draft.write_bytes(b"".join(map(self._format_line, self._known)))
                draft.replace(self._path)

    def _format_line(self, name: str) -> bytes:
        return f"{self._known[name].hex()} {json.dumps(name)}\n".encode()

    def _read_line(self, line: bytes) -> None:
        known, _, name = line.partition(b" ")
        try:
            state, text = bytes.fromhex(known.decode()), json.loads(name)
        except ValueError:
            return
        if len(state) == STATE.size and isinstance(text, str):
            self._known[text] = state
            self._lines += 1
