"""An object store: nothing is renamed or appended to, and a folder is whole once its record is there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pyarrow import fs

from tasks.errors import StorageRefusedError, TooLargeError
from tasks.storage.object_store import ObjectStore
from tasks.storage.storage import Storage
from tests.support.finished_sweep import remote_storage
from tests.support.storages import open_as_bucket


def test_lines_that_another_process_has_added_stay(tmp_path: Path) -> None:
    one, other = remote_storage(tmp_path), remote_storage(tmp_path)
    (tmp_path / "logs").mkdir()
    for storage, line in ((one, "a"), (one, "b"), (other, "c"), (one, "d"), (other, "e")):
        storage.append("logs/failures.log", line)
    assert one.read("logs/failures.log") == b"a\nb\nc\nd\ne\n"


class Flat(ObjectStore):
    """Lists the objects alone, and none of the folders that their names imply, as Arrow does on GCS."""

    def __init__(self, filesystem: fs.FileSystem, root: str) -> None:
        super().__init__(filesystem, root)
        self._flat = True

    def _get_info(self, name: str) -> fs.FileInfo:
        info = super()._get_info(name)
        there = info.type != fs.FileType.Directory
        return info if there else fs.FileInfo(info.path, fs.FileType.NotFound)

    def _list_entries(self, folder: str, *, recursive: bool = False) -> list[fs.FileInfo]:
        found = super()._list_entries(folder, recursive=recursive)
        return [info for info in found if info.type == fs.FileType.File]


@pytest.fixture(params=["folders", "flat"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """A bucket with three objects."""
    storage = open_as_bucket(tmp_path / "bucket")
    if request.param == "flat":
        assert isinstance(storage.files, ObjectStore)
        storage = Storage("mem://bucket", Flat(storage.files.filesystem, "bucket"), 1.0)
    storage.write("stages/a/model", b"weights")
    storage.write("stages/a/deep/x", b"x")
    storage.write("stages/b", b"")
    return storage


def test_names_and_sizes_are_those_below_a_folder(bucket: Storage, tmp_path: Path) -> None:
    assert bucket.list_names("stages") == ["a", "b"]
    assert bucket.list_names("nowhere") == []
    assert bucket.list_sizes("stages") == {"a/model": 7, "a/deep/x": 1, "b": 0}
    assert bucket.list_sizes("stages/a") == {"model": 7, "deep/x": 1}
    assert bucket.list_sizes("stages/a/model") == {"": 7}
    assert (bucket.get_size("stages/a/model"), bucket.get_size("stages/a"), bucket.get_size("gone")) == (7, None, None)
    assert [bucket.exists(name) for name in ("stages/a", "stages/a/model", "stages/a/mod")] == [True, True, False]
    os.utime(tmp_path / "bucket" / "stages" / "b", (5e8, 5e8))
    assert bucket.get_change_time("stages/b") == 5e8
    assert bucket.get_change_time("gone") is None
    assert bucket.local is None
    assert bucket.path("a/b") == "bucket/a/b"
    assert bucket.describe_place("a/b") == "mem://bucket/a/b"


def test_an_object_that_is_larger_than_it_may_be_is_not_read(bucket: Storage) -> None:
    assert bucket.read("stages/a/model", most=7) == b"weights"
    with pytest.raises(TooLargeError, match=r"^bucket/stages/a/model: has 7 bytes; the most that is read is 6$"):
        bucket.read("stages/a/model", most=6)


def test_a_folder_is_published_with_its_record_last_and_only_once(
    bucket: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    write = ObjectStore.write

    def note(self: ObjectStore, name: str, content: bytes) -> None:
        written.append(name)
        write(self, name, content)

    monkeypatch.setattr(ObjectStore, "write", note)

    def publish(content: bytes, *, replace: bool = False) -> bool:
        draft = bucket.make_scratch_folder()
        for name in ("a_record", "b", "c"):
            (draft / name).write_bytes(content)
        done = bucket.publish(draft, "stages/new", last="a_record", replace=replace)
        assert not draft.exists()
        return done

    assert publish(b"one")
    assert sorted(written[:2]) == ["stages/new/b", "stages/new/c"]
    assert written[2:] == ["stages/new/a_record"]
    assert not publish(b"two")
    assert bucket.read("stages/new/b") == b"one"
    assert publish(b"three", replace=True)
    assert bucket.read("stages/new/b") == b"three"


def test_a_folder_is_moved_with_all_that_is_below_it(bucket: Storage) -> None:
    aside = bucket.set_aside("stages/a", "a")
    assert bucket.list_sizes(aside) == {"model": 7, "deep/x": 1}
    assert bucket.list_names("stages") == ["b"]
    with pytest.raises(FileNotFoundError, match="No such file or directory: 'stages/a'"):
        bucket.set_aside("stages/a", "a")


def test_an_object_or_all_below_a_name_is_removed(bucket: Storage) -> None:
    bucket.remove("stages/b")
    bucket.remove("stages/b")
    assert bucket.list_names("stages") == ["a"]
    bucket.remove("stages/a")
    assert bucket.list_sizes("stages") == {}


def test_a_bucket_that_is_not_there_is_told_from_an_empty_one(tmp_path: Path) -> None:
    storage = open_as_bucket(tmp_path / "bucket")
    assert storage.list_names("stages") == []
    assert isinstance(storage.files, ObjectStore)
    gone = Storage("mem://gone", ObjectStore(storage.files.filesystem, "gone/results"), 1.0)
    with pytest.raises(StorageRefusedError, match=r"^mem://gone: there is no such bucket \(NO_SUCH_BUCKET: gone\)$"):
        gone.list_names("stages")
