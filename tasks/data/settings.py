"""What a search space says about its data."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import model_validator
from typing_extensions import Self

from tasks.data.registry import SOURCES
from tasks.part_names import NameOf
from tasks.settings import Count, LocalPath, Number, Settings, added, keyed, unkeyed
from tasks.settings_rules import refuse


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
    resized_crop: Number | None = added(None, gt=0, le=1)
    """Cut a window of at least this share of the image, of a shape between 3:4 and 4:3, at a random place, and bring it
    to the size of the image (Szegedy et al. 2015, arXiv 1409.4842, where the share is 0.08); null: none."""


class DatasetSettings(Settings):
    """A data set, its size in pixels, its splits and its augmentation."""

    name: Annotated[str, NameOf(SOURCES)] = keyed()
    root: LocalPath | None = unkeyed(None)
    """The folder of this data set; null: the folder given as `--data-dir`."""
    image_size: Count | None = keyed(None, ge=8, le=1024)
    """Height and width to which images are resized (bilinear); null: as they are."""
    fit: Literal["squash", "center_crop"] = added("squash")
    """What becomes of an image that is no square where it is brought to `image_size`. squash: both sides are resized;
    center_crop: the shorter side is, and what is too long is cut off evenly at both ends."""
    channels: Count | None = keyed(None, ge=1, le=3)
    """1 for grey, 3 for colour; null: as they are."""
    examples: Count | None = keyed(None, ge=2)
    """Use so many images, as many of each class as can be, chosen by `split.seed` before they are divided; null: all.
    Only for images that do not come divided."""
    train_examples: Count | None = keyed(None, ge=1)
    """Use so many training images, chosen by `split.seed`; null: all."""
    stream_above: Number = unkeyed(4.0, ge=0)
    """Gigabytes of decoded pixels. A split that has more is not held in memory but read from the cache of the machine,
    batch by batch; what comes out is the same to the bit."""
    split: SplitSettings = keyed(SplitSettings())
    augment: AugmentSettings = keyed(AugmentSettings())

    @model_validator(mode="after")
    def _fit_needs_a_size(self) -> Self:
        if self.channels == 2:
            refuse("channels: 1 for grey, 3 for colour", "channels")
        if self.fit != "squash" and self.image_size is None:
            refuse(f"fit: {self.fit} needs image_size, to which images are brought", "fit")
        return self
