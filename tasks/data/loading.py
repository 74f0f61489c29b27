"""Load the data of a trial, once per process."""

from __future__ import annotations

import functools
from pathlib import Path

from tasks.data.images import Images, Splits, make_splits
from tasks.data.settings import DatasetSettings
from tasks.data.source import load_source
from tasks.data.streamed import StreamedPixels
from tasks.errors import UsageError


@functools.lru_cache(maxsize=2)
def load_splits(settings: DatasetSettings, data_dir: Path | None) -> Splits:
    """The decoded splits; kept for the next stage of this process that uses the same data."""
    train, test = load_source(settings.name).load(settings, settings.root or data_dir)
    for part, images in (("training", train), ("test", test)):
        _check_labels(settings, part, images)
    found = make_splits(train, test, settings)
    return Splits(
        *(_hold_in_memory(part, settings.stream_above) for part in (found.train, found.validation, found.test))
    )


def _hold_in_memory(images: Images, most: float) -> Images:
    """The images in memory where they take so many gigabytes at most; else as they are."""
    stored = images.stored
    if not isinstance(stored, StreamedPixels) or stored.nbytes > most * 1e9:
        return images
    return Images(stored.load(), images.labels, images.classes)


def _check_labels(settings: DatasetSettings, part: str, images: Images) -> None:
    """:raises UsageError: an image has no label, or one of no class, on which a loss would fail in the middle."""
    if len(images.stored) != len(images.labels):
        raise UsageError(f"{settings.name}: {len(images.stored)} {part} images have {len(images.labels)} labels")
    if len(images) and not (int(images.labels.min()) >= 0 and int(images.labels.max()) < len(images.classes)):
        raise UsageError(f"{settings.name}: a label of the {part} images is none of {len(images.classes)} classes")
