"""Street View House Numbers, cropped digits: 73,257 training and 26,032 test images of 32x32 colour pixels.

Source: Y. Netzer et al., Reading digits in natural images with unsupervised feature learning, 2011.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tasks.data.download import download_dataset
from tasks.data.settings import DatasetSettings
from tasks.data.source import Inspection, ReportProgress, require_folder
from tasks.errors import UsageError
from tasks.fingerprints import hash_folder

if TYPE_CHECKING:
    from tasks.data.images import Images

FILES = ("train_32x32.mat", "test_32x32.mat")
LAYOUT = f"{' and '.join(FILES)} from http://ufldl.stanford.edu/housenumbers"


class Svhn:
    """Two MATLAB files, as torchvision keeps them."""

    def inspect(self, settings: DatasetSettings, folder: Path | None) -> Inspection:
        from scipy.io import whosmat

        root = _find_root(settings, folder)
        sizes = [{name: shape for name, shape, _ in whosmat(root / file)}["y"][0] for file in FILES]
        return Inspection(hash_folder(root, FILES), tuple("0123456789"), sizes[0], sizes[1], channels=3)

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
        raise UsageError(f"{' and '.join(missing)} missing in {root}: svhn needs {LAYOUT}")
    return root


def _read_part(path: Path, settings: DatasetSettings) -> Images:
    import torch
    from scipy.io import loadmat

    from tasks.data.images import Images, resize_images

    try:
        content = loadmat(path)
        pixels = torch.from_numpy(content["X"]).permute(3, 2, 0, 1).contiguous()  # MATLAB keeps H, W, C, N
        labels = torch.from_numpy(content["y"].astype("int64")).flatten() % 10  # the digit 0 is labelled 10
    except (ValueError, KeyError, TypeError, NotImplementedError) as error:
        raise UsageError(f"{path} cannot be read as a part of SVHN: {error}") from error
    return Images(resize_images(pixels, settings), labels, tuple("0123456789"))


SVHN = Svhn()
