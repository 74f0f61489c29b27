"""A few attacked images of a cell, kept to be looked at: the same places of the split in every trial that shares it.

No torch: reports read them without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from tasks import paths
from tasks.errors import CorruptArtifactError
from tasks.storage.stage_store import StageStore

VERSION = 1
"""Raised when a tensor of the file changes its meaning."""
AMPLIFIED = 10
"""What a perturbation is multiplied by to be seen."""
MOST_IMAGES = 8
MOST_VALUES = 2**19
"""Pixel values of all images of a preview together, so that a grid of large images stays small: 3 of 224x224x3."""


@dataclass(frozen=True)
class Preview:
    """Original images and what the attack added to them."""

    index: NDArray[np.int64]
    """[N]: places in the split, as in the table of examples."""
    original: NDArray[np.uint8]
    """[N, C, H, W], as stored."""
    perturbation: NDArray[np.float16]
    """[N, C, H, W]: adversarial minus original, pixels in [0, 1]."""

    @property
    def clean(self) -> NDArray[np.float32]:
        """The originals, [N, C, H, W] in [0, 1]."""
        pixels: NDArray[np.float32] = self.original.astype(np.float32) / np.float32(255)
        return pixels

    @property
    def adversarial(self) -> NDArray[np.float32]:
        """[N, C, H, W] in [0, 1]."""
        return np.clip(self.clean + self.perturbation.astype(np.float32), 0, 1)

    @property
    def amplified(self) -> NDArray[np.float32]:
        """The perturbation around grey, [N, C, H, W] in [0, 1]."""
        around_grey: NDArray[np.float32] = np.clip(0.5 + AMPLIFIED * self.perturbation.astype(np.float32), 0, 1)
        return around_grey

    def to_bytes(self) -> bytes:
        """The content of a `preview.safetensors`."""
        tensors = {"index": self.index, "original": self.original, "perturbation": self.perturbation}
        content: bytes = safetensors.numpy.save(tensors, metadata={"advsweep_preview": str(VERSION)})
        return content

    @classmethod
    def from_bytes(cls, content: bytes) -> Preview:
        """Read a `preview.safetensors`.

        :raises CorruptArtifactError: it is none.
        """
        try:
            return cls(**safetensors.numpy.load(content))
        except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
            raise CorruptArtifactError(f"preview of attacked images: {error}") from error

    @classmethod
    def concatenate(cls, parts: Sequence[Preview]) -> Preview:
        """The parts of several batches as one."""
        return cls(
            np.concatenate([part.index for part in parts]),
            np.concatenate([part.original for part in parts]),
            np.concatenate([part.perturbation for part in parts]),
        )


def load_preview(store: StageStore, key: str) -> Preview | None:
    """What an attack stage keeps; null where it is missing, as in older versions, or corrupt."""
    content = store.read_if_whole(key, paths.PREVIEW)
    try:
        return Preview.from_bytes(content) if content else None
    except CorruptArtifactError:
        return None


def spread_evenly(count: int, values: int) -> list[int]:
    """Evenly spaced positions of so many images, so that a split sorted by class shows several classes.

    :param values: pixel values of one image.
    """
    wanted = min(count, MOST_IMAGES, max(1, MOST_VALUES // values))
    return [number * count // wanted for number in range(wanted)]
