"""scikit-learn's handwritten digits: 1,797 real grey images of 8x8 pixels in 10 classes, shipped with the package.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998.
"""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.data.settings import DatasetSettings
from tasks.data.source import Inspection, ReportProgress
from tasks.fingerprints import hash_folder

if TYPE_CHECKING:
    from tasks.data.images import Images

IMAGES, SIDE = 1797, 8
CLASSES = tuple("0123456789")
SHIPPED = "digits.csv.gz"
"""A line an image: its pixels of 0 to 16, row by row, and its class."""


def find_shipped_folder() -> Path:
    """Where the package keeps its data. It is located, not imported: that would take every process a second."""
    spec = importlib.util.find_spec("sklearn")
    assert spec is not None, "scikit-learn is a dependency"
    return Path((spec.submodule_search_locations or [""])[0]) / "datasets" / "data"


class Digits:
    """Split by `split.test` and `split.seed`: the package does not divide them."""

    def inspect(self, settings: DatasetSettings, folder: Path | None) -> Inspection:  # noqa: ARG002
        found = hash_folder(find_shipped_folder(), [SHIPPED])
        images = min(settings.examples or IMAGES, IMAGES)
        test = round(settings.split.test * images)
        return Inspection(found, CLASSES, images - test, test, channels=1, side=SIDE)

    def load(self, settings: DatasetSettings, folder: Path | None) -> tuple[Images, Images]:  # noqa: ARG002
        import numpy as np
        import torch

        from tasks.data.images import Images, divide_images, resize_images, select_balanced

        with gzip.open(find_shipped_folder() / SHIPPED, "rt") as lines:
            table = torch.from_numpy(np.loadtxt(lines, delimiter=",", dtype=np.int64))
        pixels = (table[:, :-1] / 16 * 255).round().to(torch.uint8).reshape(-1, 1, SIDE, SIDE)
        images = Images(resize_images(pixels, settings), table[:, -1].contiguous(), CLASSES)
        if settings.examples:
            images = images.select(select_balanced(images.labels, settings.examples, settings.split.seed))
        return divide_images(images, settings.split.test, settings.split.seed)

    def download(self, settings: DatasetSettings, folder: Path | None, progress: ReportProgress) -> None:
        """Nothing to do: the package brings the images."""

    def decode(self, settings: DatasetSettings, folder: Path | None, progress: ReportProgress) -> None:
        """Nothing to do: they are read in a moment."""


DIGITS = Digits()
