"""A folder per class, as torchvision's ImageFolder reads it; `train/` and `test/` folders where they exist."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tasks.data.listing import Listing, count_images, divide_listing, list_classes
from tasks.data.settings import DatasetSettings
from tasks.data.source import Inspection, ReportProgress, require_folder
from tasks.errors import UsageError
from tasks.fingerprints import hash_parts

if TYPE_CHECKING:
    from tasks.data.images import Images

LAYOUT = "one folder of images per class, or train/ and test/ folders of these"


class ImageFolder:
    """Without a `test/` folder the split is made by `split.test` and `split.seed`."""

    layout = LAYOUT

    def list_parts(self, settings: DatasetSettings, folder: Path | None) -> list[Listing]:
        """One listing, or the training and the test listing where the folder is divided."""
        return list_images(require_folder(settings, folder, self.layout))

    def inspect(self, settings: DatasetSettings, folder: Path | None) -> Inspection:
        if settings.image_size is None:
            name = settings.name
            raise UsageError(f"dataset.image_size is missing: {name} needs the size to which images are resized")
        found = self.list_parts(settings, folder)
        parts = [(part.folder, "" if len(found) == 1 else f"{part.folder.name}/", part.files) for part in found]
        train, test = count_images(found[0], settings) if len(found) == 1 else (len(part.files) for part in found)
        return Inspection(hash_parts(parts), found[0].classes, train, test, settings.channels or 3)

    def load(self, settings: DatasetSettings, folder: Path | None) -> tuple[Images, Images]:
        return self._load_parts(settings, folder, None)

    def download(self, settings: DatasetSettings, folder: Path | None, progress: ReportProgress) -> None:
        """Nothing can be downloaded: what `inspect` raises says what to put where."""

    def decode(self, settings: DatasetSettings, folder: Path | None, progress: ReportProgress) -> None:
        self._load_parts(settings, folder, progress)

    def _load_parts(
        self, settings: DatasetSettings, folder: Path | None, progress: ReportProgress | None
    ) -> tuple[Images, Images]:
        from tasks.data.decoded import load_decoded

        found = self.list_parts(settings, folder)
        parts = divide_listing(found[0], settings) if len(found) == 1 else found
        train, test = load_decoded(parts, settings, progress)
        return train, test


def list_images(root: Path) -> list[Listing]:
    """One listing, or the training and the test listing where the folder is divided.

    :raises UsageError: no image is there, a class is empty, or the two parts have other classes.
    """
    if not (root / "train").is_dir() or not (root / "test").is_dir():
        return [_list_folder(root)]
    list_parts = [_list_folder(root / "train"), _list_folder(root / "test")]
    if list_parts[0].classes != list_parts[1].classes:
        odd = sorted(set(list_parts[0].classes) ^ set(list_parts[1].classes))
        raise UsageError(f"{root}: train/ and test/ have different classes: {', '.join(odd)}")
    return list_parts


def _list_folder(folder: Path) -> Listing:
    names = [entry.name for entry in folder.iterdir() if entry.is_dir()]
    return list_classes(folder, dict(zip(names, names, strict=True)), LAYOUT)


IMAGE_FOLDER = ImageFolder()
