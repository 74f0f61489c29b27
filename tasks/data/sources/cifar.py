"""CIFAR-10 and CIFAR-100: 50,000 training and 10,000 test images of 32x32 colour pixels.

Source: A. Krizhevsky, Learning multiple layers of features from tiny images, 2009. The authors publish two forms.
The binary one is read where it is there. The Python one, which torchvision downloads, is a pickle: a pickle can run
any code, so it is read by `plain_pickle`, which calls nothing that a file names.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from tasks.data.download import download_dataset
from tasks.data.plain_pickle import load_plain_pickle, to_array
from tasks.data.settings import DatasetSettings
from tasks.data.source import Inspection, ReportProgress, require_folder
from tasks.errors import MissingDataError, UsageError
from tasks.fingerprints import hash_folder

if TYPE_CHECKING:
    from tasks.data.images import Images

TRAIN, TEST = 50_000, 10_000
PIXELS = 3 * 32 * 32


@dataclass(frozen=True)
class Layout:
    """One published form: a folder, and the files of the two parts."""

    folder: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    classes: str
    """The file that names the classes."""


@dataclass(frozen=True)
class Cifar:
    """One of the two data sets, in either form below the data folder."""

    title: str
    binary: Layout
    python: Layout
    label_bytes: int
    """Labels before the pixels of a binary record; the last is the one that counts."""
    label_key: bytes
    names_key: str
    published: ClassVar[tuple[int, int]] = (TRAIN, TEST)
    """Training and test images."""

    def inspect(self, settings: DatasetSettings, folder: Path | None) -> Inspection:
        root, form = self._find_layout(settings, folder)
        found = hash_folder(root, [*form.train, *form.test])
        return Inspection(found, self._read_classes(root, form), TRAIN, TEST, channels=3, side=32)

    def load(self, settings: DatasetSettings, folder: Path | None) -> tuple[Images, Images]:
        import torch

        from tasks.data.images import Images
        from tasks.data.resized import hold_resized

        root, form = self._find_layout(settings, folder)
        classes = self._read_classes(root, form)

        def split(names: tuple[str, ...]) -> Images:
            parts = [self._read_part(root / name) for name in names]
            pixels = torch.from_numpy(np.concatenate([part[0] for part in parts]))
            labels = torch.from_numpy(np.concatenate([part[1] for part in parts]))
            return Images(hold_resized(pixels, settings), labels, classes)

        return split(form.train), split(form.test)

    def download(self, settings: DatasetSettings, folder: Path | None, progress: ReportProgress) -> None:
        archive = self.binary.folder.replace("batches-bin", "binary") + ".tar.gz"
        where = f"the folder {self.binary.folder} of {archive} from https://www.cs.toronto.edu/~kriz/cifar.html"
        download_dataset(self.title, settings, folder, ({"train": True},), where, progress)

    def decode(self, settings: DatasetSettings, folder: Path | None, progress: ReportProgress) -> None:
        """Nothing to do: pixels are stored as they are."""

    def _find_layout(self, settings: DatasetSettings, folder: Path | None) -> tuple[Path, Layout]:
        """The folder of the form that is there, and the form; the binary one first."""
        what = f"{self.binary.folder}/ or {self.python.folder}/ (torchvision's layout)"
        base = require_folder(settings, folder, what)
        for form in (self.binary, self.python):
            if (base / form.folder).is_dir():
                missing = [name for name in (*form.train, *form.test) if not (base / form.folder / name).is_file()]
                if missing:
                    raise UsageError(f"{base / form.folder}: {', '.join(missing)} is missing")
                return base / form.folder, form
        raise MissingDataError(f"{base} holds neither of {what}: {settings.name} needs one")

    def _read_classes(self, root: Path, form: Layout) -> tuple[str, ...]:
        path = root / form.classes
        if form is self.binary:
            try:
                return tuple(path.read_text("utf-8").split())
            except (OSError, UnicodeDecodeError) as error:
                raise UsageError(f"{path} cannot be read: {error}") from error
        names = load_plain_pickle(path, "utf-8").get(self.names_key)
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise UsageError(f"{path} cannot be read: it has no list of {self.names_key}")
        return tuple(names)

    def _read_part(self, path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """uint8 [N, 3, 32, 32] and int64 [N] of one file of either form."""
        try:
            pixels, labels = self._read_binary(path) if path.suffix == ".bin" else self._read_python(path)
            return pixels.reshape(-1, 3, 32, 32), labels.astype(np.int64)
        except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
            raise UsageError(f"{path} cannot be read as a part of {self.title}: {error}") from error

    def _read_binary(self, path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        records = np.fromfile(path, np.uint8).reshape(-1, self.label_bytes + PIXELS)
        return records[:, self.label_bytes :], records[:, self.label_bytes - 1]

    def _read_python(self, path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        content = load_plain_pickle(path, "bytes")
        return to_array(content[b"data"]), np.asarray(content[self.label_key], np.int64)


CIFAR10 = Cifar(
    "CIFAR10",
    Layout(
        "cifar-10-batches-bin",
        tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
        ("test_batch.bin",),
        "batches.meta.txt",
    ),
    Layout(
        "cifar-10-batches-py",
        tuple(f"data_batch_{number}" for number in range(1, 6)),
        ("test_batch",),
        "batches.meta",
    ),
    label_bytes=1,
    label_key=b"labels",
    names_key="label_names",
)
CIFAR100 = Cifar(
    "CIFAR100",
    Layout("cifar-100-binary", ("train.bin",), ("test.bin",), "fine_label_names.txt"),
    Layout("cifar-100-python", ("train",), ("test",), "meta"),
    label_bytes=2,
    label_key=b"fine_labels",
    names_key="fine_label_names",
)
