"""scikit-learn's handwritten digits: 1,797 real grey images of 8x8 pixels in 10 classes, shipped with the package.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998.
"""

from __future__ import annotations

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


class Digits:
    """Split by `split.test` and `split.seed`: the package does not divide them."""

    def inspect(self, settings: DatasetSettings, folder: Path | None) -> Inspection:  # noqa: ARG002
        spec = importlib.util.find_spec("sklearn")  # located, not imported: that would take a second
        assert spec is not None, "scikit-learn is a dependency"
        shipped = Path((spec.submodule_search_locations or [""])[0]) / "datasets" / "data"
        found = hash_folder(shipped, ["digits.csv.gz"])
        images = min(settings.examples or IMAGES, IMAGES)
        test = round(settings.split.test * images)
        return Inspection(found, CLASSES, images - test, test, channels=1, side=SIDE)

    def load(self, settings: DatasetSettings, folder: Path | None) -> tuple[Images, Images]:  # noqa: ARG002
        import torch
        from sklearn.datasets import load_digits

        from tasks.data.images import Images, divide_images, resize_images, select_balanced

        digits = load_digits()
        pixels = torch.tensor(digits.images / 16 * 255).round().to(torch.uint8)[:, None]
        images = Images(resize_images(pixels, settings), torch.tensor(digits.target, dtype=torch.int64), CLASSES)
        if settings.examples:
            images = images.select(select_balanced(images.labels, settings.examples, settings.split.seed))
        return divide_images(images, settings.split.test, settings.split.seed)

    def download(self, settings: DatasetSettings, folder: Path | None, progress: ReportProgress) -> None:
        """Nothing to do: the package brings the images."""

    def decode(self, settings: DatasetSettings, folder: Path | None, progress: ReportProgress) -> None:
        """Nothing to do: they are read in a moment."""


DIGITS = Digits()
