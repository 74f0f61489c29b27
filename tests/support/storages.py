"""Folders that are published into a storage."""

from __future__ import annotations

from tasks.storage.storage import Storage


def publish(storage: Storage, folder: str) -> bool:
    """Show a folder of two files under a name; false where another process was first."""
    draft = storage.make_scratch_folder()
    (draft / "model").write_bytes(b"weights")
    (draft / "stage.json").write_bytes(b"{}")
    return storage.publish(draft, folder, last="stage.json")
