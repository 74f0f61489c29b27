"""Launches that begin and removals keep out of each other's way, on disks with locks and without, and object stores."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.store import presence, storage_lock
from orchestrator.store.presence import Presence
from orchestrator.store.storage_lock import hold_to_begin, hold_to_remove
from tasks.errors import MisplacedError, UsageError
from tasks.storage.storage import Storage, establish_storage, open_storage
from tests.support.finished_sweep import remote_storage
from tests.support.harness import LIMIT, wait_until


def bucket(folder: Path) -> Storage:
    """A stand-in for an object store, where no folder need be made."""
    (folder / "busy").mkdir()
    return remote_storage(folder)


def refuse_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the file system know no locks."""

    def flock(descriptor: int, how: int) -> None:  # noqa: ARG001
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)


@pytest.fixture(params=["locks", "no locks", "object store"])
def storage(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Storage:
    monkeypatch.setattr(storage_lock, "SLOW_INTERVAL", 0.05)
    if request.param == "object store":
        return bucket(tmp_path)
    if request.param == "no locks":
        refuse_locks(monkeypatch)
    found = open_storage(tmp_path / "storage")
    establish_storage(found)
    return found


@contextlib.contextmanager
def meanwhile(
    act: Callable[[Storage, list[str]], None], storage: Storage
) -> Iterator[tuple[threading.Thread, list[str]]]:
    """Do something in a thread, which has to end after the block; what it said."""
    said: list[str] = []
    thread = threading.Thread(target=act, args=(storage, said), daemon=True)
    thread.start()
    yield thread, said
    thread.join(LIMIT)
    assert not thread.is_alive()


def begin(storage: Storage, said: list[str]) -> None:
    with hold_to_begin(storage, said.append):
        said.append("begun")


def remove(storage: Storage, said: list[str]) -> None:
    with hold_to_remove(storage, said.append) as check:
        check()
        said.append("removed")


def test_a_removal_waits_until_every_launch_has_said_what_it_uses(storage: Storage) -> None:
    with hold_to_begin(storage, print) as release, contextlib.ExitStack() as other:
        other.enter_context(hold_to_begin(storage, pytest.fail))  # launches do not wait for each other
        with meanwhile(remove, storage) as (_, said):
            assert wait_until(lambda: bool(said))
            release()
            assert not wait_until(lambda: len(said) > 1, 0.2), "the other one has not"
            other.close()
        assert said == ["waiting for a launch that begins in this storage", "removed"]
    assert not storage.list_names("busy")


def test_a_launch_waits_until_a_removal_has_ended(storage: Storage) -> None:
    with contextlib.ExitStack() as after, hold_to_remove(storage, pytest.fail):
        _, said = after.enter_context(meanwhile(begin, storage))
        assert wait_until(lambda: bool(said))
        assert not wait_until(lambda: len(said) > 1, 0.2)
    assert said == ["waiting for `advsweep clean`, which removes something in this storage", "begun"]


def test_a_removal_waits_no_longer_than_its_patience(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_lock, "PATIENCE", 0.3)
    said: list[str] = []
    with (
        hold_to_begin(storage, print),
        pytest.raises(UsageError, match=r"held this storage for 0\.3 s: nothing was done"),
    ):
        remove(storage, said)
    remove(storage, said)
    assert said == ["waiting for a launch that begins in this storage", "removed"]


@pytest.mark.slow
def test_signs_of_the_dead_are_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "ALIVE_WITHIN", 0.2)
    storage = bucket(tmp_path)
    with Presence(storage, "launch") as suspended:
        said: list[str] = []
        remove(storage, said)
        assert said == ["waiting for a launch that begins in this storage", "removed"]
        assert not storage.list_names("busy")
        monkeypatch.setattr(presence, "LONGEST_GAP", 0.0)
        suspended._beat()
        monkeypatch.undo()
        with pytest.raises(UsageError, match="stood still"):
            suspended.check()


def test_signs_of_the_living_count_whatever_the_clocks_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passed = [0.0]
    monkeypatch.setattr(presence, "BEAT", LIMIT)  # nothing but the clocks moves
    monkeypatch.setattr(time, "monotonic", lambda before=time.monotonic: before() + sum(passed))
    with Presence(bucket(tmp_path), "launch"):
        (file,) = (tmp_path / "busy").iterdir()
        cleaner = Presence(remote_storage(tmp_path), "clean")
        for jump in (-86400.0, 86400.0, 0.0):
            os.utime(file, (time.time() + jump,) * 2)
            assert cleaner.find_others("launch") == [file.name]
            passed.append(presence.ALIVE_WITHIN + 1)
        assert not cleaner.find_others("launch")


def test_a_launch_that_others_took_for_dead_does_not_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with hold_to_begin(bucket(tmp_path), print) as release:
        monkeypatch.setattr(presence, "LONGEST_GAP", 0.0)
        with pytest.raises(UsageError, match="start it again"):
            release()


def test_a_launch_into_a_new_place_leaves_nothing(tmp_path: Path) -> None:
    begin(open_storage(tmp_path / "storage"), [])
    assert not (tmp_path / "storage").exists()


def test_a_storage_of_an_earlier_version_is_marked_and_locked(tmp_path: Path) -> None:
    (tmp_path / "stages").mkdir()
    with contextlib.ExitStack() as after, hold_to_begin(open_storage(tmp_path), print):
        _, said = after.enter_context(meanwhile(remove, open_storage(tmp_path)))
        assert wait_until(lambda: bool(said))
        assert said == ["waiting for a launch that begins in this storage"]
    assert (tmp_path / ".advsweep").is_file()


def test_what_stands_in_place_of_the_mark_is_named(tmp_path: Path) -> None:
    (tmp_path / ".advsweep").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MisplacedError, match=r"\.advsweep: .*; it marks the storage"):
        begin(open_storage(tmp_path), [])


def test_a_disk_that_does_not_let_itself_be_locked_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it knows no locks, they are done without; where it refuses one, nobody knows who is there."""
    storage = open_storage(tmp_path / "storage")
    establish_storage(storage)

    def refuse(descriptor: int, how: int) -> None:  # noqa: ARG001
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(fcntl, "flock", refuse)
    for hold in (hold_to_begin, hold_to_remove):
        with (
            pytest.raises(MisplacedError, match=r"\.advsweep: cannot be locked: Permission denied$"),
            hold(storage, print),
        ):
            pass
