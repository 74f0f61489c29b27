"""Load the data of a trial, once per process."""

from __future__ import annotations

import functools
from pathlib import Path

from tasks.data.images import Images, Splits, make_splits
from tasks.data.settings import DatasetSettings
from tasks.data.source import load_source
from tasks.errors import UsageError


@functools.lru_cache(maxsize=2)
def load_splits(settings: DatasetSettings, data_dir: Path | None) -> Splits:
    """The decoded splits; kept for the next stage of this process that uses the same data."""
    train, test = load_source(settings.name).load(settings, settings.root or data_dir)
    for part, images in (("training", train), ("test", test)):
        _check_labels(settings, part, images)
    return make_splits(train, test, settings)


def _check_labels(settings: DatasetSettings, part: str, images: Images) -> None:
    """:raises UsageError: an image has no label, or one of no class, on which a loss would fail in the middle."""
    if len(images.pixels) != len(images.labels):
        raise UsageError(f"{settings.name}: {len(images.pixels)} {part} images have {len(images.labels)} labels")
    if len(images) and not (int(images.labels.min()) >= 0 and int(images.labels.max()) < len(images.classes)):
        raise UsageError(f"{settings.name}: a label of the {part} images is none of {len(images.classes)} classes")
