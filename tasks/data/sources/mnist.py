"""MNIST and Fashion-MNIST in torchvision's layout: 60,000 training and 10,000 test images of 28x28 grey pixels.

Sources: Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-based learning applied to document recognition, 1998;
H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST, 2017 (arXiv 1708.07747).
"""

from __future__ import annotations

import gzip
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from tasks.data.download import download_dataset
from tasks.data.settings import DatasetSettings
from tasks.data.source import Inspection, ReportProgress, require_folder
from tasks.errors import MissingDataError, UsageError
from tasks.fingerprints import hash_folder

if TYPE_CHECKING:
    from tasks.data.images import Images

PARTS = {"train": "train", "test": "t10k"}
SIDE = 28
MOST_BYTES = 1_000_000_000
"""Of the values of a file: twenty times those of MNIST."""


@dataclass(frozen=True)
class IdxSource:
    """A data set of four IDX files below `<folder>/<title>/raw`, gzipped or not."""

    published: ClassVar[tuple[int, int]] = (60_000, 10_000)
    """Training and test images."""
    title: str
    """Its name in torchvision, which is that of its folder."""
    classes: tuple[str, ...]
    site: str
    """Where the four files can be had."""

    def inspect(self, settings: DatasetSettings, folder: Path | None) -> Inspection:
        raw, names = self._find_files(settings, folder)
        counts = {part: _read_shape(raw / names[f"{part}-labels-idx1-ubyte"], 1)[0] for part in PARTS.values()}
        return Inspection(
            hash_folder(raw, names.values()), self.classes, counts["train"], counts["t10k"], channels=1, side=SIDE
        )

    def load(self, settings: DatasetSettings, folder: Path | None) -> tuple[Images, Images]:
        import torch

        from tasks.data.images import Images
        from tasks.data.resized import hold_resized

        raw, names = self._find_files(settings, folder)

        def split(part: str) -> Images:
            pixels = torch.from_numpy(_read_idx(raw / names[f"{part}-images-idx3-ubyte"], 3))[:, None]
            labels = torch.from_numpy(_read_idx(raw / names[f"{part}-labels-idx1-ubyte"], 1)).long()
            return Images(hold_resized(pixels, settings), labels, self.classes)

        return split(PARTS["train"]), split(PARTS["test"])

    def download(self, settings: DatasetSettings, folder: Path | None, progress: ReportProgress) -> None:
        download_dataset(
            self.title, settings, folder, ({"train": True},), f"{self._describe_layout()} from {self.site}", progress
        )

    def decode(self, settings: DatasetSettings, folder: Path | None, progress: ReportProgress) -> None:
        """Nothing to do: pixels are stored as they are."""

    def _describe_layout(self) -> str:
        return f"{self.title}/raw/{{train,t10k}}-{{images-idx3,labels-idx1}}-ubyte.gz"

    def _find_files(self, settings: DatasetSettings, folder: Path | None) -> tuple[Path, dict[str, str]]:
        """The raw folder, and for each of the four files the name under which it is there."""
        what = f"{self._describe_layout()} (or unzipped), torchvision's layout"
        raw = require_folder(settings, folder, what) / self.title / "raw"
        names: dict[str, str] = {}
        for part in PARTS.values():
            for stem in (f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"):
                found = [name for name in (stem, f"{stem}.gz") if (raw / name).is_file()]
                if not found:
                    raise MissingDataError(f"{raw / stem}(.gz) is missing: {settings.name} needs {what} in {folder}")
                names[stem] = found[0]
        return raw, names


def _open_idx(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _read_shape(path: Path, axes: int) -> tuple[int, ...]:
    """The sizes in the header of an IDX file of bytes.

    :raises UsageError: it cannot be read, has other axes, or is larger than any that is known.
    """
    try:
        with _open_idx(path) as stream:
            header = stream.read(4 + 4 * axes)
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    if len(header) < 4 + 4 * axes or header[:4] != bytes([0, 0, 8, axes]):
        raise UsageError(f"{path} is not an IDX file of bytes with {axes} axes")
    shape = tuple(int.from_bytes(header[place : place + 4], "big") for place in range(4, len(header), 4))
    if not 0 < math.prod(shape) <= MOST_BYTES:
        raise UsageError(f"{path} is to hold {math.prod(shape):,} bytes; 1 to {MOST_BYTES:,} are read")
    return shape


def _read_idx(path: Path, axes: int) -> NDArray[np.uint8]:
    """An IDX file of bytes as a writable array.

    :raises UsageError: it is cut short, or longer than its header says.
    """
    shape = _read_shape(path, axes)
    size = math.prod(shape)
    try:
        with _open_idx(path) as stream:
            stream.seek(4 + 4 * axes)
            content = np.frombuffer(stream.read(size + 1), dtype=np.uint8)
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    if content.size != size:
        raise UsageError(f"{path} is {'cut short' if content.size < size else 'too long'}: {size} bytes belong in it")
    array: NDArray[np.uint8] = content.reshape(shape).copy()
    return array


GARMENTS = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")

MNIST = IdxSource("MNIST", tuple("0123456789"), "https://ossci-datasets.s3.amazonaws.com/mnist/")
FASHION_MNIST = IdxSource("FashionMNIST", GARMENTS, "https://github.com/zalandoresearch/fashion-mnist")
