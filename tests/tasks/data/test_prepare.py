"""Preparing a data set: progress, and what is said when something is missing."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from tasks.data.prepare import prepare_dataset
from tasks.errors import UsageError
from tests.support.images import settings, silent
from tests.support.small import write_images


@pytest.fixture
def datasets() -> ModuleType:
    """torchvision's. To import it takes two seconds, which no process that only collects tests should need."""
    return importlib.import_module("torchvision.datasets")


def test_prepare_decodes_with_progress(tmp_path: Path) -> None:
    write_images(tmp_path / "images", ("cat", "dog"), 5)
    told: list[tuple[str, int, int]] = []
    seen = prepare_dataset(
        settings("image_folder", root=tmp_path / "images", image_size=16), None, lambda *news: told.append(news)
    )
    assert (seen.train_images, seen.test_images) == (8, 2)
    assert told == [("decoding images", 8, 8), ("decoding images", 2, 2)]


@pytest.mark.parametrize(
    ("name", "title", "expected"),
    [
        ("mnist", "MNIST", r"MNIST/raw/.*ubyte\.gz from https://"),
        ("cifar10", "CIFAR10", r"cifar-10-batches-bin of cifar-10-binary\.tar\.gz from https://"),
        ("cifar100", "CIFAR100", r"cifar-100-binary of cifar-100-binary\.tar\.gz from https://"),
        ("svhn", "SVHN", r"train_32x32\.mat and test_32x32\.mat from http://"),
    ],
)
def test_offline_it_says_what_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, title: str, expected: str, datasets: ModuleType
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(getattr(datasets, title), "__init__", offline)
    with pytest.raises(UsageError, match=f"no network.*put into .*new: .*{expected}"):
        prepare_dataset(settings(name), tmp_path / "new", silent)


def test_prepare_of_data_without_a_download_says_what_to_put_where(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"put there raw-img/ with the folders cane, .*kaggle"):
        prepare_dataset(settings("animals10", image_size=16), tmp_path, silent)
