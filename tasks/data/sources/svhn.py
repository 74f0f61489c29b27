"""Street View House Numbers, cropped digits: 73,257 training and 26,032 test images of 32x32 colour pixels.

Source: Y. Netzer et al., Reading digits in natural images with unsupervised feature learning, 2011.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tasks.data.download import download_dataset
from tasks.data.settings import DatasetSettings
from tasks.data.source import Inspection, ReportProgress, require_folder
from tasks.errors import MissingDataError, UsageError
from tasks.fingerprints import hash_folder

if TYPE_CHECKING:
    from tasks.data.images import Images

FILES = ("train_32x32.mat", "test_32x32.mat")
MOST_IMAGES = 600_000
"""Of a file: the extra images of SVHN are 531,131."""
LAYOUT = f"{' and '.join(FILES)} from http://ufldl.stanford.edu/housenumbers"


class Svhn:
    """Two MATLAB files, as torchvision keeps them."""

    published = 73_257, 26_032
    """Training and test images."""

    def inspect(self, settings: DatasetSettings, folder: Path | None) -> Inspection:
        root = _find_root(settings, folder)
        sizes = [_count_images(root / file) for file in FILES]
        return Inspection(hash_folder(root, FILES), tuple("0123456789"), sizes[0], sizes[1], channels=3, side=32)

    def load(self, settings: DatasetSettings, folder: Path | None) -> tuple[Images, Images]:
        root = _find_root(settings, folder)
        return _read_part(root / FILES[0], settings), _read_part(root / FILES[1], settings)

    def download(self, settings: DatasetSettings, folder: Path | None, progress: ReportProgress) -> None:
        download_dataset("SVHN", settings, folder, ({"split": "train"}, {"split": "test"}), LAYOUT, progress)

    def decode(self, settings: DatasetSettings, folder: Path | None, progress: ReportProgress) -> None:
        """Nothing to do: pixels are stored as they are."""


def _find_root(settings: DatasetSettings, folder: Path | None) -> Path:
    root = require_folder(settings, folder, LAYOUT)
    missing = [name for name in FILES if not (root / name).is_file()]
    if missing:
        raise MissingDataError(f"{' and '.join(missing)} missing in {root}: svhn needs {LAYOUT}")
    return root


def _count_images(path: Path) -> int:
    """How many images a file is to hold; nothing of them is read.

    :raises UsageError: it is no such file.
    """
    from scipy.io import whosmat

    try:
        found = {name: (shape, kind) for name, shape, kind in whosmat(path)}
    except Exception as error:  # a damaged file ends in whatever error the library comes upon
        raise UsageError(f"{path} cannot be read as a part of SVHN: {str(error) or type(error).__name__}") from error
    images, labels = found.get("X", ((), "")), found.get("y", ((), ""))
    count = images[0][-1] if images[0] else 0
    if images != ((32, 32, 3, count), "uint8") or labels[0] != (count, 1) or not 0 < count <= MOST_IMAGES:
        raise UsageError(f"{path} is no part of SVHN: X is to hold 32 x 32 x 3 bytes for each image, y its label")
    return int(count)


def _read_part(path: Path, settings: DatasetSettings) -> Images:
    import torch
    from scipy.io import loadmat

    from tasks.data.images import Images
    from tasks.data.resized import hold_resized

    _count_images(path)
    try:
        content = loadmat(path, variable_names=["X", "y"])
        pixels = torch.from_numpy(content["X"]).permute(3, 2, 0, 1).contiguous()  # MATLAB keeps H, W, C, N
        labels = torch.from_numpy(content["y"].astype("int64")).flatten() % 10  # the digit 0 is labelled 10
    except Exception as error:  # as above
        raise UsageError(f"{path} cannot be read as a part of SVHN: {str(error) or type(error).__name__}") from error
    return Images(hold_resized(pixels, settings), labels, tuple("0123456789"))


SVHN = Svhn()
