"""A folder that is away for a while, and links that lead out of it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import StorageRefusedError, UnreadableError, UsageError
from tasks.storage import local_folder, retrying
from tasks.storage.local_files import write_file
from tasks.storage.storage import Storage, check_writable, establish_storage, open_storage
from tests.support.storages import publish


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is away here is back at once."""
    monkeypatch.setattr(retrying, "LONGEST_PAUSE", 0.01)


class Reaction(logging.Handler):
    """Does something as soon as it is said that a storage does not answer."""

    def __init__(self, react: Callable[[], object]) -> None:
        super().__init__()
        self._react = react

    def emit(self, record: logging.LogRecord) -> None:
        assert "does not answer" in record.getMessage()
        self._react()


@contextmanager
def once_missed(react: Callable[[], object]) -> Iterator[None]:
    """Do something as soon as it is said that a storage does not answer, which has to happen in the block."""
    done: list[object] = []
    handler = Reaction(lambda: done.append(react()))
    retrying.logger.addHandler(handler)
    try:
        yield
    finally:
        retrying.logger.removeHandler(handler)
    assert len(done) == 1, "it was waited for"


@contextmanager
def away(folder: Path) -> Iterator[None]:
    """Take a folder away now, and bring it back once it is missed."""
    aside = folder.with_name("aside")
    folder.rename(aside)
    with once_missed(lambda: aside.rename(folder)):
        yield


OPERATIONS: list[tuple[Callable[[Storage], Any], Any]] = [
    (lambda storage: storage.read("sweeps/a/plan.json"), b"{}"),
    (lambda storage: storage.write("sweeps/a/space.yaml", b"x"), None),
    (lambda storage: storage.append("sweeps/a/logs/failures.log", "x"), None),
    (lambda storage: storage.exists("stages/first/stage.json"), True),
    (lambda storage: storage.get_size("stages/first/model"), 7),
    (lambda storage: storage.list_names("stages"), ["first"]),
    (lambda storage: publish(storage, "stages/second"), True),
    (lambda storage: storage.set_aside("stages/first", "first").startswith("corrupt/first-"), True),
    (lambda storage: storage.remove("stages/first"), None),
]


@pytest.mark.parametrize(("operation", "expected"), OPERATIONS, ids=range(len(OPERATIONS)))
def test_a_folder_that_is_away_is_waited_for(folder: Path, operation: Any, expected: Any) -> None:
    storage = open_storage(folder)
    with away(folder):
        assert operation(storage) == expected


def test_a_worker_that_starts_while_the_folder_is_away_waits_too(folder: Path) -> None:
    with away(folder):
        assert open_storage(folder, established=True).read("sweeps/a/plan.json") == b"{}"


def test_a_folder_of_other_files_is_no_storage_that_comes_back(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UsageError, match=r"is a folder with other files, which no launch has made a storage$"):
        open_storage(tmp_path, established=True)
    establish_storage(open_storage(tmp_path))
    open_storage(tmp_path, established=True)


def test_an_empty_mount_point_is_no_new_storage(folder: Path) -> None:
    """What an unmounted disk leaves is a folder without anything in it."""
    storage = open_storage(folder)
    aside = folder.with_name("aside")
    folder.rename(aside)
    folder.mkdir()

    def mount() -> None:
        folder.rmdir()  # fails where something was written to it meanwhile
        aside.rename(folder)

    with once_missed(mount):
        storage.write("sweeps/a/late", b"x")
    assert (folder / "sweeps/a/late").read_bytes() == b"x"
    assert (folder / "sweeps/a/plan.json").exists()


@pytest.mark.parametrize("operation", [lambda s: s.write("checkpoints/a", b"x"), lambda s: publish(s, "stages/new")])
def test_a_draft_that_was_left_where_a_folder_went_away_is_removed(
    folder: Path, operation: Callable[[Storage], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, aside = open_storage(folder), folder.with_name("aside")

    def write_and_leave(file: Path, content: bytes) -> None:
        monkeypatch.setattr(local_folder, "write_file", write_file)  # the next time all is well
        write_file(file, content)
        folder.rename(aside)

    monkeypatch.setattr(local_folder, "write_file", write_and_leave)
    with once_missed(lambda: aside.rename(folder)):
        operation(storage)
    assert not list(folder.rglob(".*.tmp"))


def test_links_do_not_lead_out_of_a_storage(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "kept").mkdir(parents=True)
    (outside / "kept" / "file").write_text("kept")
    (folder / "stages" / "link").symlink_to(outside / "kept")
    (folder / "checkpoints").symlink_to(outside)
    storage = open_storage(folder)
    assert storage.list_sizes("stages/link").keys() == {""}, "the link itself, not what is behind it"
    for call in (
        lambda: storage.remove("checkpoints/kept"),
        lambda: storage.remove("stages/link/file"),
        lambda: storage.write("checkpoints/x", b""),
        lambda: storage.append("checkpoints/x", ""),
        lambda: publish(storage, "checkpoints/x"),
    ):
        with pytest.raises(StorageRefusedError, match="is a link that leads out of the storage"):
            call()
    storage.remove("stages/link")
    storage.remove("checkpoints")
    assert sorted(os.walk(outside)) == [(str(outside), ["kept"], []), (str(outside / "kept"), [], ["file"])]


def test_a_storage_behind_a_link_is_one(tmp_path: Path) -> None:
    (tmp_path / "large disk").mkdir()
    (tmp_path / "results").symlink_to(tmp_path / "large disk")
    storage = open_storage(tmp_path / "results")
    check_writable(storage)
    assert publish(storage, "stages/first")
    assert not publish(storage, "stages/first")
    assert storage.read("stages/first/model") == b"weights"


def test_nothing_is_added_to_what_a_link_leads_to(folder: Path) -> None:
    (folder / "sweeps" / "a" / "log").symlink_to("plan.json")
    with pytest.raises(StorageRefusedError, match="sweeps/a/log is a link: nothing is added to what it leads to"):
        open_storage(folder).append("sweeps/a/log", "x")
    assert (folder / "sweeps" / "a" / "plan.json").read_bytes() == b"{}"


def test_sizes_and_times_are_those_of_the_files_below(folder: Path) -> None:
    storage = open_storage(folder)
    (folder / "stages" / "first" / "deep").mkdir()
    (folder / "stages" / "first" / "deep" / "x").write_bytes(b"abc")
    os.utime(folder / "stages" / "first" / "model", (5e8, 5e8))
    assert storage.list_sizes("stages") == {"first/model": 7, "first/stage.json": 2, "first/deep/x": 3}
    assert storage.list_sizes("stages/first/model") == {"": 7}
    assert storage.list_sizes("stages/gone") == {}
    assert storage.get_change_time("stages/first/model") == 5e8
    for gone in ("stages/gone", "stages/first/model/below"):
        assert (storage.get_change_time(gone), storage.get_size(gone)) == (None, None)
        assert not storage.exists(gone)
    assert storage.get_size("stages/first") is None
    assert storage.list_names("nowhere") == []
    (folder / "stages" / ".first.x.tmp").mkdir()
    assert storage.list_names("stages") == ["first"]


def test_a_folder_that_is_replaced_leaves_nothing_of_what_was_there(folder: Path) -> None:
    storage = open_storage(folder)
    (folder / "stages" / "first" / "old").write_bytes(b"")
    draft = storage.make_scratch_folder()
    (draft / "stage.json").write_bytes(b"new")
    assert storage.publish(draft, "stages/first", last="stage.json", replace=True)
    assert storage.list_sizes("stages") == {"first/stage.json": 3}
    assert [path.name for path in (folder / "stages").iterdir()] == ["first"]
    draft = storage.make_scratch_folder()
    (draft / "stage.json").write_bytes(b"newer")
    with pytest.raises(OSError, match="Directory not empty"):
        storage.publish(draft, "stages/first", last="other.json")


def test_what_stands_in_the_place_of_a_folder_is_named(folder: Path) -> None:
    storage = open_storage(folder)
    (folder / "stages" / "file").write_bytes(b"")
    with pytest.raises(UnreadableError, match=rf"^{folder}/stages/file: Not a directory$"):
        storage.list_names("stages/file")
    with pytest.raises(StorageRefusedError, match=r"stages/file.*: (Not a directory|File exists)$"):
        storage.write("stages/file/x/y", b"")
    with pytest.raises(StorageRefusedError, match=r"stages/\.first.*: Is a directory$"):
        storage.write("stages/first", b"")
    assert (storage.local, storage.path("a")) == (folder, f"{folder}/a")
    assert storage.describe_place("a") == f"{folder}/a"
