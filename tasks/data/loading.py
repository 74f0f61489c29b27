"""Load the data of a trial, once per process."""

from __future__ import annotations

import functools
from pathlib import Path

from tasks.data.images import Splits, make_splits
from tasks.data.settings import DatasetSettings
from tasks.data.source import load_source


@functools.lru_cache(maxsize=2)
def load_splits(settings: DatasetSettings, data_dir: Path | None) -> Splits:
    """The decoded splits; kept for the next stage of this process that uses the same data."""
    train, test = load_source(settings.name).load(settings, settings.root or data_dir)
    return make_splits(train, test, settings)
