"""A launch that begins and a `clean` that removes keep out of each other's way.

A launch looks which stages are there, and only later, once its Ray is up, writes the plan that says so. Until then it
holds the storage shared; whoever removes holds it alone, from its second look to its end. On a disk, a shared one
included, that is a lock of the system on the file that marks the storage, which ends with its process and which a
process that stands still keeps. Where there are no locks, each leaves a sign of life in the storage first and looks
for those of the other kind then, so that of two at least one sees the other: a launch waits for those who remove, and
whoever removes steps back for a launch.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from orchestrator.store.presence import Presence, Seen
from tasks import paths
from tasks.errors import MisplacedError, UsageError
from tasks.storage.local_files import open_no_link
from tasks.storage.storage import Storage

PATIENCE = 120.0
"""Seconds that whoever removes waits for launches; Ray may take one minute to come up."""
LAUNCH_PATIENCE = 3600.0
"""Seconds that a launch waits for whoever removes."""
INTERVAL = 0.2
SLOW_INTERVAL = 2.0
"""Seconds between two looks at signs of life, each of which takes several requests."""
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL}
"""What a file system says that knows no locks."""
BEGINS, REMOVES = "launch", "clean"
Check = Callable[[], None]
Say = Callable[[str], None]


@contextlib.contextmanager
def hold_to_begin(storage: Storage, say: Say) -> Iterator[Check]:
    """Nothing is removed while a launch looks at what is there, until its plan and its first sign of life are.

    :param say: shows the user a line, where somebody has to be waited for.
    :returns: ends the hold; so does the end of the block.
    :raises UsageError: `clean` removes for as long as nobody waits, or this process stood still meanwhile.
    """
    with contextlib.ExitStack() as held:
        if storage.local is not None and _lock(storage, held, fcntl.LOCK_SH, LAUNCH_PATIENCE, say):
            yield held.close
            return
        presence = _announce_launch(storage, held, say)

        def release() -> None:
            presence.check()
            held.close()

        yield release


@contextlib.contextmanager
def hold_to_remove(storage: Storage, say: Say) -> Iterator[Check]:
    """No launch begins while something is removed.

    :returns: to be called before each removal.
    :raises UsageError: a launch is about to begin; from what is returned: this process stood still meanwhile.
    """
    with contextlib.ExitStack() as held:
        if storage.local is not None and _lock(storage, held, fcntl.LOCK_EX, PATIENCE, say):
            yield lambda: None
        else:
            yield _announce_removal(storage, held, say).check


def _lock(storage: Storage, held: contextlib.ExitStack, how: int, patience: float, say: Say) -> bool:
    """Lock the storage; false where its file system has no locks.

    A folder that is no storage yet has nothing that could be used or removed.
    """
    assert storage.local is not None, "locks are for disks"
    if not storage.exists(paths.MARKER):
        if not storage.exists(paths.STAGES):
            return True
        storage.files.establish()  # of an earlier version
    descriptor = _open_marker(storage.local / paths.MARKER)
    held.callback(os.close, descriptor)
    for _ in _wait(patience, BEGINS if how == fcntl.LOCK_EX else REMOVES, say, INTERVAL):
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        except OSError as error:
            if error.errno in NO_LOCKS:
                return False
            raise MisplacedError(
                f"{storage.describe_place(paths.MARKER)}: cannot be locked: {error.strerror}"
            ) from error
        return True
    raise AssertionError("waiting ends with an error")


def _open_marker(file: Path) -> int:
    """:raises MisplacedError: a link stands in its place."""
    try:
        try:
            return open_no_link(str(file), os.O_RDWR)
        except PermissionError:  # somebody else's; a network file system may want to write what is locked
            return open_no_link(str(file), os.O_RDONLY)
    except OSError as error:
        raise MisplacedError(f"{file}: {error.strerror}; it marks the storage, and is an empty file") from error


def _announce_launch(storage: Storage, held: contextlib.ExitStack, say: Say) -> Presence:
    presence = held.enter_context(Presence(storage, BEGINS))
    for _ in _wait(LAUNCH_PATIENCE, REMOVES, say, SLOW_INTERVAL):
        if not presence.find_others(REMOVES):
            return presence
    raise AssertionError("waiting ends with an error")


def _announce_removal(storage: Storage, held: contextlib.ExitStack, say: Say) -> Presence:
    seen: Seen = {}
    for _ in _wait(PATIENCE, BEGINS, say, SLOW_INTERVAL):
        presence = Presence(storage, REMOVES, seen)
        with contextlib.ExitStack() as tried:
            tried.enter_context(presence)
            if not presence.find_others(BEGINS):
                held.push(tried.pop_all())
                return presence
    raise AssertionError("waiting ends with an error")


def _wait(patience: float, other: str, say: Say, interval: float) -> Iterator[None]:
    """Try again and again, having said for whom.

    :param other: the role of those who are waited for.
    :raises UsageError: the time is up.
    """
    who = {BEGINS: "a launch that begins", REMOVES: "`advsweep clean`, which removes something"}[other]
    until = time.monotonic() + patience
    yield
    say(f"waiting for {who} in this storage")
    while time.monotonic() < until:
        time.sleep(interval)
        yield
    raise UsageError(f"{who} held this storage for {patience:g} s: nothing was done; try again later")
