"""The published layouts of data sets, the decoded cache, and what is said when something is missing."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.io import savemat

from tasks.data.loading import load_splits
from tasks.data.prepare import prepare_dataset
from tasks.data.registry import SOURCES
from tasks.data.settings import DatasetSettings
from tasks.data.source import inspect_dataset, load_source
from tasks.data.sources import cifar
from tasks.data.sources.animals10 import ENGLISH
from tasks.errors import UsageError
from tasks.fingerprints import get_cache_folder
from tests.support.small import write_images, write_mnist


@pytest.fixture(autouse=True)
def cache() -> Path:
    load_splits.cache_clear()
    return get_cache_folder()


def settings(name: str, **fields: object) -> DatasetSettings:
    return DatasetSettings.model_validate({"name": name, **fields})


def silent(what: str, done: int, total: int) -> None:
    """No progress is shown."""


def python2_pickle(pixels: NDArray[np.uint8], labels: list[int]) -> bytes:
    """`{"data": pixels, "labels": labels}` as Python 2 pickled it in 2009: its strings are bytes, numpy's names old."""
    kind = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    shape = b"".join(b"J" + size.to_bytes(4, "little") for size in pixels.shape) + b"\x86"
    empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    content = b"T" + pixels.nbytes.to_bytes(4, "little") + pixels.tobytes()
    array = empty + b"(K\x01" + shape + kind + b"\x89" + content + b"tb"
    listed = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(U\x04data" + array + b"U\x06labels" + listed + b"u."


def write_cifar10(folder: Path, form: str, per_file: int = 4) -> None:
    """The six files of either published form, with random pixels."""
    draw = np.random.default_rng(1)
    base = folder / f"cifar-10-batches-{form}"
    base.mkdir(parents=True)
    for place, name in enumerate([*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]):
        pixels = draw.integers(0, 256, (per_file, 3072), dtype=np.uint8)
        labels = [(place + number) % 10 for number in range(per_file)]
        if form == "bin":
            records = np.concatenate([np.array(labels, np.uint8)[:, None], pixels], 1)
            (base / f"{name}.bin").write_bytes(records.tobytes())
        else:
            (base / name).write_bytes(python2_pickle(pixels, labels))
    names = [f"class{number}" for number in range(10)]
    (base / "batches.meta.txt").write_text("\n".join(names) + "\n\n")
    (base / "batches.meta").write_bytes(pickle.dumps({"label_names": names}, protocol=2))


def test_both_forms_of_cifar10_hold_the_same_images(tmp_path: Path) -> None:
    write_cifar10(tmp_path / "one", "bin")
    write_cifar10(tmp_path / "two", "py")
    binary, python = (load_splits(settings("cifar10"), tmp_path / at) for at in ("one", "two"))
    assert binary.train.pixels.shape == (20, 3, 32, 32)
    assert binary.test.labels.tolist() == [5, 6, 7, 8]
    assert torch.equal(binary.train.pixels, python.train.pixels)
    assert torch.equal(binary.test.labels, python.test.labels)
    assert binary.train.classes == python.train.classes == tuple(f"class{number}" for number in range(10))
    assert inspect_dataset(settings("cifar10"), tmp_path / "one").test_images == 10_000


def test_a_cifar_pickle_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "harm"),)

    write_cifar10(tmp_path, "py")
    (tmp_path / "cifar-10-batches-py" / "data_batch_3").write_bytes(pickle.dumps(Harmful()))
    with pytest.raises(UsageError, match=r"data_batch_3 cannot be read: it names posix\.mkdir.*refused"):
        load_splits(settings("cifar10"), tmp_path)
    assert not (tmp_path / "harm").exists()


def test_the_fine_labels_of_cifar100_count(tmp_path: Path) -> None:
    base = tmp_path / "cifar-100-binary"
    base.mkdir()
    record = bytes([7, 42]) + bytes(3072)
    for name in ("train.bin", "test.bin"):
        (base / name).write_bytes(record * 2)
    (base / "fine_label_names.txt").write_text("\n".join(f"class{number}" for number in range(100)))
    found = load_splits(settings("cifar100"), tmp_path)
    assert found.train.labels.tolist() == [42, 42]
    assert len(found.train.classes) == 100


def test_a_missing_part_of_cifar_is_named(tmp_path: Path) -> None:
    write_cifar10(tmp_path, "bin")
    (tmp_path / "cifar-10-batches-bin" / "data_batch_2.bin").unlink()
    with pytest.raises(UsageError, match=r"data_batch_2\.bin is missing"):
        inspect_dataset(settings("cifar10"), tmp_path)
    assert cifar.CIFAR10.binary.folder == "cifar-10-batches-bin"


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


def test_fashion_mnist_is_read_from_its_own_folder(tmp_path: Path) -> None:
    write_mnist(tmp_path, "FashionMNIST")
    assert load_splits(settings("fashion_mnist"), tmp_path).train.classes[9] == "Ankle boot"
    with pytest.raises(UsageError, match="MNIST/raw"):
        inspect_dataset(settings("mnist"), tmp_path)


@pytest.mark.parametrize("place", ["raw-img", "animals10/raw-img", "animals10", "."])
def test_animals10_in_italian_and_in_english_is_one_data_set(tmp_path: Path, place: str) -> None:
    write_images(tmp_path / "it" / place, tuple(ENGLISH), 5, ".jpeg")
    write_images(tmp_path / "en" / place, tuple(ENGLISH), 5, ".jpeg")
    for italian, english in ENGLISH.items():
        (tmp_path / "en" / place / italian).rename(tmp_path / "en" / place / english)
    asked = settings("animals10", image_size=16)
    found = [load_splits(asked, tmp_path / language) for language in ("it", "en")]
    assert found[0].train.classes == tuple(sorted(ENGLISH.values()))
    assert (len(found[0].train), len(found[0].test)) == (40, 10)
    assert torch.equal(found[0].train.pixels, found[1].train.pixels)
    assert torch.equal(found[0].test.labels, found[1].test.labels)


def test_animals10_takes_as_many_examples_of_each_class(tmp_path: Path) -> None:
    write_images(tmp_path / "raw-img", tuple(ENGLISH), 6, ".jpeg")
    asked = settings("animals10", image_size=16, examples=40)
    seen, found = inspect_dataset(asked, tmp_path), load_splits(asked, tmp_path)
    assert (seen.train_images, seen.test_images) == (len(found.train), len(found.test)) == (32, 8)
    both = torch.cat([found.train.labels, found.test.labels])
    assert both.bincount().tolist() == [4] * 10
    with pytest.raises(UsageError, match="has only 60 images"):
        inspect_dataset(settings("animals10", image_size=16, examples=100), tmp_path)


def test_animals10_says_which_classes_are_missing(tmp_path: Path) -> None:
    write_images(tmp_path / "raw-img", ("cane", "gatto"), 2)
    with pytest.raises(UsageError, match="no folder for butterfly, chicken, cow"):
        inspect_dataset(settings("animals10", image_size=16), tmp_path)


def test_examples_of_images_that_come_divided_are_refused(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    with pytest.raises(UsageError, match=r"dataset\.train_examples"):
        inspect_dataset(settings("mnist", examples=30), tmp_path)


def test_images_are_decoded_once_and_mapped(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_images(tmp_path / "images", ("cat", "dog"), 5)
    asked = settings("image_folder", root=tmp_path / "images", image_size=16)
    first = load_splits(asked, None)
    load_splits.cache_clear()

    def refuse(*_: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr("tasks.data.decoded.decode_image", refuse)
    again = load_splits(asked, None)
    assert torch.equal(first.train.pixels, again.train.pixels)
    files = list((cache / "decoded").glob("*.npy"))
    assert len(files) == 2
    assert again.train.pixels.untyped_storage().nbytes() in [file.stat().st_size - 128 for file in files]


def test_a_decoded_file_that_has_changed_is_made_again(tmp_path: Path, cache: Path) -> None:
    write_images(tmp_path / "images", ("cat", "dog"), 5)
    asked = settings("image_folder", root=tmp_path / "images", image_size=16)
    first = load_splits(asked, None).train.pixels.clone()
    load_splits.cache_clear()
    for file in (cache / "decoded").glob("*.npy"):
        content = bytearray(file.read_bytes())
        content[-1] ^= 0xFF
        file.write_bytes(content)
    assert torch.equal(load_splits(asked, None).train.pixels, first)


def test_other_sizes_are_decoded_apart(tmp_path: Path, cache: Path) -> None:
    write_images(tmp_path / "images", ("cat", "dog"), 5)
    for size in (8, 16):
        load_splits(settings("image_folder", root=tmp_path / "images", image_size=size), None)
    assert len(list((cache / "decoded").glob("*.npy"))) == 4


def test_a_cache_that_cannot_be_written_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_images(tmp_path / "images", ("cat", "dog"), 5)
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("ADVSWEEP_CACHE", str(tmp_path / "file"))
    with pytest.raises(UsageError, match="set ADVSWEEP_CACHE"):
        load_splits(settings("image_folder", root=tmp_path / "images", image_size=16), None)


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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, title: str, expected: str
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(f"torchvision.datasets.{title}.__init__", offline)
    with pytest.raises(UsageError, match=f"no network.*put into .*new: .*{expected}"):
        prepare_dataset(settings(name), tmp_path / "new", silent)


def test_prepare_of_data_without_a_download_says_what_to_put_where(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"put there raw-img/ with the folders cane, .*kaggle"):
        prepare_dataset(settings("animals10", image_size=16), tmp_path, silent)


def test_every_source_can_be_imported() -> None:
    assert all(hasattr(load_source(name), "inspect") for name in SOURCES)
