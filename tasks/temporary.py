"""Temporary folders that do not outlive a process which is killed: the next one that starts removes them.

A process that uses a folder holds a lock on it, which the system takes away when the process ends, in whatever way.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PREFIX = "advsweep-tmp-"
YOUNG = 60.0
"""Seconds in which a new folder may still be without its lock."""
_locks: dict[Path, int] = {}
"""The folders of this process, and the descriptor that holds the lock of each."""


def make_temporary_folder(parent: Path | None = None) -> Path:
    """A new folder that nobody else can read.

    :param parent: null: where this machine keeps temporary files.
    """
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    _locks[folder] = os.open(folder, os.O_RDONLY)
    fcntl.flock(_locks[folder], fcntl.LOCK_EX)
    return folder


def remove_temporary_folder(folder: Path) -> None:
    """Remove a folder that this process has made; one that is gone already is no error."""
    shutil.rmtree(folder, ignore_errors=True)
    descriptor = _locks.pop(folder, None)
    if descriptor is not None:
        os.close(descriptor)


@contextlib.contextmanager
def use_temporary_folder(parent: Path | None = None) -> Iterator[Path]:
    """A temporary folder for a while."""
    folder = make_temporary_folder(parent)
    try:
        yield folder
    finally:
        remove_temporary_folder(folder)


def remove_dead_folders(parent: Path | None = None, before: Callable[[Path], None] = lambda _: None) -> None:
    """Remove the folders of this user whose process was killed.

    :param before: called with each before it is removed.
    """
    for folder in (parent or Path(tempfile.gettempdir())).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # somebody else's, gone by now, or of a process that lives
            _remove_if_dead(folder, before)


def _remove_if_dead(folder: Path, before: Callable[[Path], None]) -> None:
    state = folder.lstat()
    if state.st_uid != os.getuid() or (time.time() - state.st_mtime < YOUNG and not any(folder.iterdir())):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        before(folder)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)
