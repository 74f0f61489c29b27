"""Signs of life in a storage without locks, by a clock that the tests move."""

from __future__ import annotations

import json
import os
import platform
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.store.presence import ALIVE_WITHIN, BEAT, LONGEST_GAP, Presence
from tasks.errors import StorageGoneError, UsageError
from tasks.storage.storage import Storage
from tests.support.finished_sweep import remote_storage


class Clock:
    """The time, by which threads do not wait."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 500.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        still = SimpleNamespace(start=lambda: None, join=lambda: None)
        monkeypatch.setattr(threading, "Thread", lambda **_: still)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    (tmp_path / "busy").mkdir()
    return remote_storage(tmp_path)


def test_others_are_warned_before_they_count_a_writer_as_dead() -> None:
    assert 3 * BEAT < LONGEST_GAP < ALIVE_WITHIN - BEAT


def test_a_file_says_whose_it_is_for_as_long_as_its_process_works(
    clock: Clock, storage: Storage, tmp_path: Path
) -> None:
    with Presence(storage, "clean"):
        (file,) = (tmp_path / "busy").iterdir()
        assert file.name.startswith("clean-")
        assert json.loads(file.read_text()) == {"host": platform.node(), "pid": os.getpid()}
    assert not list((tmp_path / "busy").iterdir())
    assert clock.now == 500.0


def test_of_others_of_a_role_those_count_whose_file_has_changed_of_late(
    clock: Clock, storage: Storage, tmp_path: Path
) -> None:
    def touch(name: str, when: float) -> None:
        (tmp_path / "busy" / name).touch()
        os.utime(tmp_path / "busy" / name, (when, when))

    for name in ("launch-still", "launch-lives", "clean-other", "launcher-x"):
        touch(name, 10.0)
    seen: Any = {}
    mine = Presence(storage, "clean", seen)
    assert sorted(mine.find_others("launch")) == ["launch-lives", "launch-still"], "however old they look"
    clock.now += ALIVE_WITHIN
    touch("launch-lives", 5.0)  # a clock that was put back is a change too
    assert sorted(mine.find_others("launch")) == ["launch-lives", "launch-still"]
    clock.now += 0.1
    other = Presence(storage, "clean", seen)
    assert other.find_others("launch") == ["launch-lives"], "what was seen before counts"
    assert not (tmp_path / "busy" / "launch-still").exists()
    clock.now += ALIVE_WITHIN - 0.2
    assert other.find_others("launch") == ["launch-lives"]
    assert Presence(storage, "clean").find_others("clean") == ["clean-other"]
    (tmp_path / "busy" / "launch-lives").unlink()
    assert other.find_others("launch") == []


def test_who_stood_still_for_too_long_goes_no_further_even_if_it_beats_again(clock: Clock, storage: Storage) -> None:
    presence = Presence(storage, "clean")
    with presence:
        clock.now += LONGEST_GAP
        presence.check()
        presence._beat()
        clock.now += LONGEST_GAP + 0.1
        with pytest.raises(UsageError, match="stood still"):
            presence.check()
        for _ in range(2):
            presence._beat()
            with pytest.raises(UsageError, match="stood still"):
                presence.check()


def test_the_time_counts_from_the_beginning_of_a_beat_that_took_long(
    clock: Clock, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    presence = Presence(storage, "clean")
    write = Storage.write

    def write_slowly(self: Storage, name: str, content: bytes) -> None:
        write(self, name, content)
        clock.now += LONGEST_GAP

    monkeypatch.setattr(Storage, "write", write_slowly)
    presence._beat()
    presence.check()
    clock.now += 0.1
    with pytest.raises(UsageError):
        presence.check()


def test_a_beat_that_fails_is_followed_by_the_next(
    clock: Clock, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    beats: list[int] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) == 4

    def write(*_: Any) -> None:
        beats.append(len(waits))
        raise [OSError("gone"), StorageGoneError("gone"), OSError("gone")][len(beats) - 1]

    monkeypatch.setattr(threading, "Event", lambda: SimpleNamespace(wait=wait))
    monkeypatch.setattr(Storage, "write", write)
    presence = Presence(storage, "clean")
    presence._run()
    assert (waits, beats) == ([BEAT] * 4, [1, 2, 3])
    assert clock.now == 500.0
