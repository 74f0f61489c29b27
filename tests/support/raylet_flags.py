"""Two variables that Ray reads when it is imported and never again, set in a process that has imported it.

They name a worker's job and its raylet. Ray keeps them as C++ strings whose length and capacity stand before their
characters, so that they are found by a word that nothing else has there.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Mapping
from pathlib import Path

WORDS = {"RAY_JOB_ID": "jobIdent", "RAY_RAYLET_PID": "raylPids"}
"""What to set before Ray is imported: eight characters, as many as a job has and no process id exceeds."""
HEADER = 24
"""Bytes before the characters: the length, the capacity, and how often the string is shared."""


def find_flags() -> dict[str, int] | None:
    """The address of the characters of each; null where they are not found, as in a Ray that keeps them otherwise."""
    with Path("/proc/self/maps").open() as lines:
        heap = next(line.split()[0] for line in lines if line.rstrip().endswith("[heap]"))
    first, last = (int(end, 16) for end in heap.split("-"))
    found = {}
    with mmap.mmap(-1, last - first) as read, Path("/proc/self/mem").open("rb", 0) as memory:
        memory.seek(first)
        memory.readinto(read)  # a buffer on the heap would be found as well
        for name, word in WORDS.items():
            length = len(word).to_bytes(8, "little")
            header = length + length + bytes(4)  # what is left of it is never written
            starts = [at for at in _find_all(read, word.encode()) if read[at - HEADER : at - 4] == header]
            if len(starts) != 1:
                return None
            found[name] = first + starts[0]
    return found


def _find_all(read: mmap.mmap, word: bytes) -> list[int]:
    found = []
    at = read.find(word)
    while at >= 0:
        found.append(at)
        at = read.find(word, at + 1)
    return found


def set_flags(addresses: Mapping[str, int]) -> None:
    """Have Ray know the variables of now."""
    for name, address in addresses.items():
        value = os.environ[name].encode()
        assert len(value) <= len(WORDS[name]), name
        ctypes.memmove(address, value + b"\0", len(value) + 1)
        ctypes.memmove(address - HEADER, len(value).to_bytes(8, "little"), 8)
