"""MNIST and Fashion-MNIST, zipped and plain."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.data.loading import load_splits
from tasks.data.source import inspect_dataset
from tasks.errors import UsageError
from tests.support.images import settings
from tests.support.small import real_data, write_mnist


@pytest.mark.parametrize("zipped", [True, False])
def test_mnist_layout(tmp_path: Path, zipped: bool) -> None:
    write_mnist(tmp_path, zipped=zipped)
    asked = settings("mnist", image_size=32)
    found = load_splits(asked, tmp_path)
    assert found.train.pixels.shape == (40, 1, 32, 32)
    assert found.test.labels.tolist() == [place % 10 for place in range(20)]
    assert inspect_dataset(asked, tmp_path).train_images == 40


def test_a_file_that_is_cut_short_is_named(tmp_path: Path) -> None:
    write_mnist(tmp_path, zipped=False)
    images = tmp_path / "MNIST" / "raw" / "t10k-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-5])
    with pytest.raises(UsageError, match="t10k-images-idx3-ubyte is cut short"):
        load_splits(settings("mnist"), tmp_path)


def test_zipped_and_plain_mnist_have_one_fingerprint(tmp_path: Path) -> None:
    write_mnist(tmp_path / "zipped")
    write_mnist(tmp_path / "plain", zipped=False)
    one, other = (inspect_dataset(settings("mnist"), tmp_path / at).fingerprint for at in ("zipped", "plain"))
    assert one == other


def test_fashion_mnist_is_read_from_its_own_folder(tmp_path: Path) -> None:
    write_mnist(tmp_path, "FashionMNIST")
    assert load_splits(settings("fashion_mnist"), tmp_path).train.classes[9] == "Ankle boot"
    with pytest.raises(UsageError, match="MNIST/raw"):
        inspect_dataset(settings("mnist"), tmp_path)


def test_real_mnist() -> None:
    root = real_data("mnist")
    asked = settings("mnist", root=root, image_size=32)
    seen = inspect_dataset(asked, None)
    assert (seen.train_images, seen.test_images) == (60_000, 10_000)
    test = load_splits(asked, None).test
    assert test.pixels.shape == (10_000, 1, 32, 32)
    assert test.labels[:5].tolist() == [7, 2, 1, 0, 4]
