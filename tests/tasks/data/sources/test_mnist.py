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


IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (LABELS, b"\0\0\x08\x03" + bytes(12), f"{LABELS} is not an IDX file of bytes with 1 axes"),
        (LABELS, b"\0\0\x08\x01\0", f"{LABELS} is not an IDX file of bytes with 1 axes"),
        (IMAGES, b"\0\0\x0d\x03" + bytes(12), f"{IMAGES} is not an IDX file of bytes with 3 axes"),
        (IMAGES, b"\0\0\x08\x03" + bytes(12), f"{IMAGES} is to hold 0 bytes; 1 to 1,000,000,000 are read"),
        (
            IMAGES,
            b"\0\0\x08\x03" + (100_001).to_bytes(4, "big") + (100).to_bytes(4, "big") * 2,
            f"{IMAGES} is to hold 1,000,010,000 bytes; 1 to 1,000,000,000 are read",
        ),
        (IMAGES, b"\0\0\x08\x03" + (1).to_bytes(4, "big") * 3 + b"ab", f"{IMAGES} is too long: 1 bytes belong in it"),
        (IMAGES, b"\0\0\x08\x03" + (2).to_bytes(4, "big") * 3 + b"ab", f"{IMAGES} is cut short: 8 bytes belong in it"),
    ],
)
def test_a_file_that_is_none_of_its_kind_is_named(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    write_mnist(tmp_path, zipped=False)
    (tmp_path / "MNIST" / "raw" / name).write_bytes(content)
    with pytest.raises(UsageError, match=f"{said}$"):
        load_splits(settings("mnist"), tmp_path)


def test_a_zipped_file_that_is_damaged_is_named(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    file = tmp_path / "MNIST" / "raw" / f"{IMAGES}.gz"
    for content in (b"no gzip", file.read_bytes()[:-20]):
        file.write_bytes(content)
        with pytest.raises(UsageError, match=rf"{IMAGES}\.gz cannot be read: "):
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


@pytest.mark.slow
def test_real_mnist() -> None:
    root = real_data("mnist")
    asked = settings("mnist", root=root, image_size=32)
    seen = inspect_dataset(asked, None)
    assert (seen.train_images, seen.test_images) == (60_000, 10_000)
    test = load_splits(asked, None).test
    assert test.pixels.shape == (10_000, 1, 32, 32)
    assert test.labels[:5].tolist() == [7, 2, 1, 0, 4]
