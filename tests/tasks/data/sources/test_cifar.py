"""CIFAR-10 and CIFAR-100 in both published forms."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch

from tasks.data.loading import load_splits
from tasks.data.source import inspect_dataset
from tasks.data.sources import cifar
from tasks.errors import UsageError
from tests.support.cifar_files import write_cifar10
from tests.support.images import settings


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


def test_what_cannot_be_read_is_named_with_what_it_was_to_be(tmp_path: Path) -> None:
    message = r"holds neither of cifar-10-batches-bin/ or cifar-10-batches-py/ \(torchvision's layout\): cifar10"
    with pytest.raises(UsageError, match=message):
        inspect_dataset(settings("cifar10"), tmp_path)
    write_cifar10(tmp_path / "bin", "bin")
    base = tmp_path / "bin" / "cifar-10-batches-bin"
    whole = (base / "test_batch.bin").read_bytes()
    (base / "test_batch.bin").write_bytes(whole[:-1])
    with pytest.raises(UsageError, match=r"test_batch\.bin cannot be read as a part of CIFAR10: "):
        load_splits(settings("cifar10"), tmp_path / "bin")
    (base / "test_batch.bin").write_bytes(whole)
    (base / "batches.meta.txt").write_bytes(b"\xff")
    with pytest.raises(UsageError, match=r"batches\.meta\.txt cannot be read: "):
        load_splits(settings("cifar10"), tmp_path / "bin")
    write_cifar10(tmp_path / "py", "py")
    for names in ({"other": ["a"]}, {"label_names": "abc"}, {"label_names": [1, 2]}):
        (tmp_path / "py" / "cifar-10-batches-py" / "batches.meta").write_bytes(pickle.dumps(names))
        with pytest.raises(UsageError, match=r"batches\.meta cannot be read: it has no list of label_names$"):
            load_splits(settings("cifar10"), tmp_path / "py")
