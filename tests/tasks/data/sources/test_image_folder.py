"""A folder per class, divided or not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tasks.data.images import Splits
from tasks.data.loading import load_splits
from tasks.data.settings import DatasetSettings
from tasks.data.source import inspect_dataset
from tasks.errors import UsageError
from tests.support.images import settings
from tests.support.small import write_images


def folder(root: Path, **fields: object) -> tuple[DatasetSettings, Splits]:
    asked = settings("image_folder", root=root, image_size=16, **fields)
    return asked, load_splits(asked, None)


def test_image_folder_without_parts_is_divided_by_the_seed(tmp_path: Path) -> None:
    write_images(tmp_path / "images", ("cat", "dog"), 10)
    asked, found = folder(tmp_path / "images", split={"test": 0.25})
    assert (len(found.train), len(found.test)) == (15, 5)
    assert found.train.classes == ("cat", "dog")
    assert found.train.pixels.shape == (15, 3, 16, 16)
    seen = inspect_dataset(asked, None)
    assert (seen.train_images, seen.test_images, seen.channels) == (15, 5, 3)


def test_another_seed_of_the_split_divides_otherwise(tmp_path: Path) -> None:
    write_images(tmp_path / "images", ("cat", "dog"), 10)
    one, again, other = (
        folder(tmp_path / "images", split={"test": 0.25, "seed": seed})[1].test.pixels for seed in (1, 1, 2)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_image_folder_with_parts_keeps_them(tmp_path: Path) -> None:
    write_images(tmp_path / "train", ("cat", "dog"), 6, ".jpg")
    write_images(tmp_path / "test", ("cat", "dog"), 2, ".jpg")
    _, found = folder(tmp_path)
    assert (len(found.train), len(found.test)) == (12, 4)
    bright = found.train.pixels.float().mean((1, 2, 3)) > 120
    assert torch.equal(bright.long(), found.train.labels)


def test_parts_with_different_classes_are_refused(tmp_path: Path) -> None:
    write_images(tmp_path / "train", ("cat", "dog"), 2)
    write_images(tmp_path / "test", ("cat", "fox"), 2)
    with pytest.raises(UsageError, match="different classes: dog, fox"):
        folder(tmp_path)


def test_an_empty_class_is_named(tmp_path: Path) -> None:
    write_images(tmp_path, ("cat", "dog"), 2)
    (tmp_path / "fox").mkdir()
    with pytest.raises(UsageError, match="no image in fox"):
        inspect_dataset(settings("image_folder", root=tmp_path, image_size=16), None)
