"""A storage that holds something."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.storage.storage import establish_storage, open_storage
from tests.support.storages import publish


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A storage with one file and one finished folder."""
    storage = open_storage(tmp_path / "storage")
    establish_storage(storage)
    storage.write("sweeps/a/plan.json", b"{}")
    publish(storage, "stages/first")
    return tmp_path / "storage"
