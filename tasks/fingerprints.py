"""sha256 fingerprints of files, remembered by path, size and time of change."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import os
import tempfile
import zlib
from collections.abc import Iterable, Sequence
from operator import itemgetter
from pathlib import Path

from tasks.file_digests import hash_files

MOST_UNPACKED = 4_000_000_000
"""Bytes of a gzipped file when it is unpacked."""


def get_cache_folder() -> Path:
    """Where this machine keeps what can be computed again: `$ADVSWEEP_CACHE`, else the user's cache folder."""
    base = os.environ.get("ADVSWEEP_CACHE")
    if base:
        return Path(base)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "advsweep"


def hash_content(path: Path) -> str:
    """sha256 of a file; of what is inside it where the file is gzipped.

    :raises OSError: it cannot be read, or is no regular file: a pipe would be waited for without end.
    """
    if not path.is_file():
        raise (
            OSError(errno.EINVAL, "is no regular file", str(path))
            if path.exists()
            else FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        )
    digest = hashlib.sha256()
    size = 0
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
                size += len(chunk)
                if path.suffix == ".gz" and size > MOST_UNPACKED:
                    raise OSError(errno.EFBIG, f"has more than {MOST_UNPACKED:,} bytes when it is unpacked", str(path))
    except (EOFError, zlib.error) as error:
        raise OSError(errno.EIO, f"cannot be unpacked: {error}", str(path)) from error
    return digest.hexdigest()


def hash_file(path: Path) -> str:
    """sha256 of a file that depends on its content alone, remembered as fingerprints are.

    :raises OSError: it cannot be read.
    """
    stat = path.stat()
    memory = _locate_memory([str(path.resolve()), stat.st_size, stat.st_mtime_ns])
    if memory.is_file():
        return memory.read_text()
    found = hash_content(path)
    _remember(memory, found)
    return found


def hash_folder(folder: Path, names: Iterable[str]) -> str:
    """sha256 over the names and contents of files below a folder; the folder's own path does not matter.

    :raises OSError: a file cannot be read.
    """
    return hash_parts([(folder, "", sorted(names))])


def hash_parts(parts: Iterable[tuple[Path, str, Sequence[str]]]) -> str:
    """sha256 over the names and contents of files below several folders, as if they were below one.

    :param parts: of each folder its path, what its names begin with, and the names of its files.
    :raises OSError: a file cannot be read.
    """
    found: list[tuple[str, str]] = []
    for folder, prefix, names in parts:
        memory = get_cache_folder() / "fingerprints" / f"{_hash_text(str(folder.resolve()))}.files"
        digests = hash_files(folder, names, memory, hash_content)
        found += [(prefix + name, digest) for name, digest in zip(names, digests, strict=True)]
    found.sort(key=itemgetter(0))
    whole = hashlib.sha256(b"[")  # over the text of one JSON list, which of a million files is never put together
    for number, (name, digest) in enumerate(found):
        whole.update(f"{', ' if number else ''}{json.dumps([name.removesuffix('.gz'), digest])}".encode())
    whole.update(b"]")
    return whole.hexdigest()


def _locate_memory(state: object) -> Path:
    return get_cache_folder() / "fingerprints" / f"{_hash_text(json.dumps(state))}.txt"


def _remember(path: Path, text: str) -> None:
    """Write atomically; a cache that cannot be written only costs time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as stream:
            stream.write(text)
        Path(stream.name).replace(path)
    except OSError:
        return


def _hash_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
