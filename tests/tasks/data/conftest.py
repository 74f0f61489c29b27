"""Nothing that another test has loaded stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.data.loading import load_splits
from tasks.fingerprints import get_cache_folder


@pytest.fixture(autouse=True)
def cache() -> Path:
    """The cache folder of this test."""
    load_splits.cache_clear()
    return get_cache_folder()
