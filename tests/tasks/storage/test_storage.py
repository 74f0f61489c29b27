"""Names in a storage, and what is too large to be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.errors import CorruptArtifactError, TooLargeError, UsageError
from tasks.storage.documents import Document
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import Storage, check_writable, open_storage
from tests.support.damage import grow, make_pipe, make_socket
from tests.support.finished_sweep import remote_storage
from tests.support.stage_records import make_stage_record
from tests.support.storages import publish


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", "a//b", "a/./b", "a\\b", "a\0b", ".."])
def test_no_name_leads_out_of_a_storage(name: str, folder: Path) -> None:
    storage = open_storage(folder)
    calls = (
        storage.read,
        storage.exists,
        storage.get_size,
        storage.list_sizes,
        storage.list_names,
        storage.remove,
        storage.path,
    )
    for call in calls:
        with pytest.raises(UsageError, match="is no name in a storage"):
            call(name)
    for writing in (
        lambda: storage.write(name, b""),
        lambda: storage.append(name, ""),
        lambda: publish(storage, name),
        lambda: storage.set_aside(name, "x"),
    ):
        with pytest.raises(UsageError, match="is no name in a storage"):
            writing()
    with pytest.raises(UsageError, match="not removed as a whole"):
        storage.remove("")


def open_both_ways(folder: Path) -> list[Storage]:
    """A folder as a local storage, and as an object store."""
    return [open_storage(folder), remote_storage(folder)]


def test_a_file_that_is_too_large_is_not_read(folder: Path) -> None:
    grow(folder / "sweeps" / "a" / "plan.json")
    for storage in open_both_ways(folder):
        with pytest.raises(
            TooLargeError, match=r"plan\.json: has 8,000,000,000 bytes; the most that is read is 1,000,000"
        ):
            storage.read("sweeps/a/plan.json")
        with pytest.raises(TooLargeError, match=r"the most that is read is 10,000,000$"):
            storage.read_document("sweeps/a/plan.json", Document)


def test_a_file_of_as_many_bytes_as_it_may_have_is_read(folder: Path) -> None:
    for storage in open_both_ways(folder):
        assert storage.read("sweeps/a/plan.json", most=2) == b"{}"
        with pytest.raises(TooLargeError, match=r"has 2 bytes; the most that is read is 1$"):
            storage.read("sweeps/a/plan.json", most=1)


def test_a_file_of_a_stage_is_not_read_where_it_is_longer_than_its_record_says(tmp_path: Path) -> None:
    store = StageStore(open_storage(tmp_path))
    draft = store.make_draft()
    (draft / "model.safetensors").write_bytes(b"weights")
    record = store.publish("a" * 64, draft, make_stage_record())
    grow(tmp_path / "stages" / ("a" * 64) / "model.safetensors")
    with pytest.raises(CorruptArtifactError, match=r"model\.safetensors has 8000000000 bytes instead of 7$"):
        store.read_file(record, "model.safetensors")


def test_whatever_stands_in_a_place_is_removed(folder: Path) -> None:
    storage = open_storage(folder)
    make_pipe(folder / "pipe")
    make_socket(folder / "socket")
    (folder / "link").symlink_to("nowhere")
    (folder / "folder" / "inside").mkdir(parents=True)
    for name in ("pipe", "socket", "link", "folder", "absent"):
        storage.remove(name)
    assert sorted(path.name for path in folder.iterdir()) == [".advsweep", "stages", "sweeps"]


def test_a_place_that_can_be_no_storage_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^--storage: is empty; is a variable of the shell unset\? Write `\.`"):
        open_storage("  ")
    (tmp_path / "file").write_text("")
    for uri in (f"{tmp_path}/file", f"file://{tmp_path}/file"):
        with pytest.raises(UsageError, match=rf"^--storage {uri}: is a file, not a folder$"):
            open_storage(uri)
    assert open_storage(f"file://{tmp_path}/new").local == tmp_path / "new"
    with pytest.raises(UsageError, match=rf"^--storage {tmp_path}/file/below: cannot be written: Not a directory$"):
        check_writable(open_storage(tmp_path / "file" / "below"))
    check_writable(open_storage(tmp_path / "new"))
    assert not list((tmp_path / "new").iterdir()), "what was tried is removed"
