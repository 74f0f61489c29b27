"""Folders that are published into a storage."""

from __future__ import annotations

from pathlib import Path

from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]
from pyarrow import fs

from tasks.storage.object_store import ObjectStore
from tasks.storage.storage import Storage


def open_as_bucket(folder: Path) -> Storage:
    """A folder as an object store: like one, it needs no folder before an object is put into it."""
    folder.mkdir(parents=True, exist_ok=True)
    disk = fs.PyFileSystem(fs.FSSpecHandler(LocalFileSystem(auto_mkdir=True)))
    return Storage("mem://bucket", ObjectStore(fs.SubTreeFileSystem(str(folder.parent), disk), folder.name), 1.0)


def publish(storage: Storage, folder: str) -> bool:
    """Show a folder of two files under a name; false where another process was first."""
    draft = storage.make_scratch_folder()
    (draft / "model").write_bytes(b"weights")
    (draft / "stage.json").write_bytes(b"{}")
    return storage.publish(draft, folder, last="stage.json")
