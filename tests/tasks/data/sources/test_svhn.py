"""SVHN: ten counts as zero."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.io import savemat

from tasks.data.loading import load_splits
from tasks.data.source import inspect_dataset
from tasks.errors import UsageError
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


@pytest.mark.parametrize("changed", ["train_32x32.mat", "test_32x32.mat"])
def test_a_change_of_either_file_changes_the_fingerprint(tmp_path: Path, changed: str) -> None:
    content = {"X": np.zeros((32, 32, 3, 2), np.uint8), "y": np.ones((2, 1), np.uint8)}
    for name in ("train_32x32.mat", "test_32x32.mat"):
        savemat(tmp_path / name, content)
    before = inspect_dataset(settings("svhn"), tmp_path).fingerprint
    savemat(tmp_path / changed, content | {"y": np.full((2, 1), 2, np.uint8)})
    assert inspect_dataset(settings("svhn"), tmp_path).fingerprint != before


@pytest.mark.parametrize(
    "content",
    [
        {"X": np.zeros((32, 32, 3, 4), np.uint8), "y": np.ones((3, 1), np.uint8)},
        {"X": np.zeros((32, 32, 3, 4), np.float32), "y": np.ones((4, 1), np.uint8)},
        {"X": np.zeros((32, 32, 1, 4), np.uint8), "y": np.ones((4, 1), np.uint8)},
        {"X": np.zeros((32, 32, 3, 0), np.uint8), "y": np.ones((0, 1), np.uint8)},
        {"X": np.zeros((32, 32, 3, 4), np.uint8)},
        {"y": np.ones((4, 1), np.uint8)},
    ],
)
def test_a_file_that_holds_something_else_is_named(tmp_path: Path, content: dict[str, Any]) -> None:
    whole = {"X": np.zeros((32, 32, 3, 2), np.uint8), "y": np.ones((2, 1), np.uint8)}
    savemat(tmp_path / "train_32x32.mat", whole)
    savemat(tmp_path / "test_32x32.mat", content)
    with pytest.raises(
        UsageError, match=r"test_32x32\.mat is no part of SVHN: X is to hold 32 x 32 x 3 bytes for each"
    ):
        inspect_dataset(settings("svhn"), tmp_path)
    (tmp_path / "test_32x32.mat").write_bytes(b"no matlab")
    with pytest.raises(UsageError, match=r"test_32x32\.mat cannot be read as a part of SVHN: "):
        load_splits(settings("svhn"), tmp_path)
