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
NEW = "advsweep-new-"
"""How a folder is called until it has its lock."""
YOUNG = 60.0
"""Seconds that this may take."""
_locks: dict[Path, int] = {}
"""The folders of this process, and the descriptor that holds the lock of each."""


def make_temporary_folder(parent: Path | None = None) -> Path:
    """A new folder that nobody else can read.

    :param parent: null: where this machine keeps temporary files.
    """
    new = Path(tempfile.mkdtemp(prefix=NEW, dir=parent))
    descriptor = os.open(new, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    folder = new.rename(new.with_name(PREFIX + new.name.removeprefix(NEW)))
    _locks[folder] = descriptor
    return folder


def remove_temporary_folder(folder: Path) -> None:
    """Remove a folder that this process has made; one that is gone already is no error."""
    shutil.rmtree(folder, ignore_errors=True)
    descriptor = _locks.pop(folder, None)
    if descriptor is not None:
        os.close(descriptor)


def remove_own_folders() -> None:
    """Remove every folder that this process has made: it is about to end."""
    for folder in list(_locks):
        remove_temporary_folder(folder)


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
    place = parent or Path(tempfile.gettempdir())
    for folder in (*place.glob(f"{PREFIX}*"), *place.glob(f"{NEW}*")):
        with contextlib.suppress(OSError):  # somebody else's, gone by now, or of a process that lives
            _remove_if_dead(folder, before)


def _remove_if_dead(folder: Path, before: Callable[[Path], None]) -> None:
    state = folder.lstat()
    if state.st_uid != os.getuid() or (folder.name.startswith(NEW) and time.time() - state.st_mtime < YOUNG):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        before(folder)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)
