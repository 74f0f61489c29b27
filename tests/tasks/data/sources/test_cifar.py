"""CIFAR-10 and CIFAR-100 in both published forms."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tasks.data.loading import load_splits
from tasks.data.source import inspect_dataset
from tasks.data.sources import cifar
from tasks.errors import UsageError
from tests.support.images import settings


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
