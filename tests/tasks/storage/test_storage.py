"""Names in a storage."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.errors import UsageError
from tasks.storage.storage import open_storage
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
