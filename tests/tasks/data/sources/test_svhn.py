"""SVHN: ten counts as zero."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from scipy.io import savemat

from tasks.data.loading import load_splits
from tasks.data.source import inspect_dataset
from tests.support.images import settings


def test_svhn_counts_ten_as_zero(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    for name, count in (("train_32x32.mat", 5), ("test_32x32.mat", 3)):
        pixels = draw.integers(0, 256, (32, 32, 3, count), dtype=np.uint8)
        savemat(tmp_path / name, {"X": pixels, "y": np.array([[10], [1], [9], [10], [2]][:count], np.uint8)})
    seen = inspect_dataset(settings("svhn"), tmp_path)
    found = load_splits(settings("svhn"), tmp_path)
    assert (seen.train_images, seen.test_images) == (5, 3)
    assert found.train.labels.tolist() == [0, 1, 9, 0, 2]
    assert torch.equal(found.test.pixels[1, 2], torch.from_numpy(pixels[:, :, 2, 1]))
