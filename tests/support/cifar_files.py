"""CIFAR-10 in both of its published forms, with random pixels."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


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
