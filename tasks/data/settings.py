"""What a search space says about its data."""

from __future__ import annotations

from typing import Annotated

from tasks.data.registry import SOURCES
from tasks.settings import Count, LocalPath, NameOf, Number, Settings, keyed, unkeyed


class SplitSettings(Settings):
    """How images are divided where the data set does not come divided, and what is held out for validation."""

    test: Number = keyed(0.2, gt=0, lt=1)
    """Share of the images that becomes the test split; unused where the data set has one of its own."""
    validation: Number = keyed(0.0, ge=0, lt=1)
    """Share of the training split held out for validation; 0: no validation columns in the history."""
    seed: Count = keyed(0, ge=0)
    """Seed of both choices; not the trial's seed, so that replicates share one test split."""


class AugmentSettings(Settings):
    """Random changes of training images, drawn anew for each batch; no other split is ever augmented."""

    flip: bool = keyed(False)
    """Mirror half of the images left to right."""
    crop: Count = keyed(0, ge=0, le=1024)
    """Pad by so many pixels of zero on each side, then cut the original size at a random place."""


class DatasetSettings(Settings):
    """A data set, its size in pixels, its splits and its augmentation."""

    name: Annotated[str, NameOf(SOURCES)] = keyed()
    root: LocalPath | None = unkeyed(None)
    """The folder of this data set; null: the folder given as `--data-dir`."""
    image_size: Count | None = keyed(None, ge=8, le=1024)
    """Height and width to which images are resized (bilinear); null: as they are."""
    channels: Count | None = keyed(None, ge=1, le=3)
    """1 for grey, 3 for colour; null: as they are."""
    examples: Count | None = keyed(None, ge=2)
    """Use so many images, as many of each class as can be, chosen by `split.seed` before they are divided; null: all.
    Only for images that do not come divided."""
    train_examples: Count | None = keyed(None, ge=1)
    """Use so many training images, chosen by `split.seed`; null: all."""
    split: SplitSettings = keyed(SplitSettings())
    augment: AugmentSettings = keyed(AugmentSettings())
