"""A folder per class, as torchvision's ImageFolder reads it; `train/` and `test/` folders where they exist."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.data.fingerprint import fingerprint
from tasks.data.settings import DatasetSettings
from tasks.data.sources import Inspection, needed_folder
from tasks.errors import UsageError

if TYPE_CHECKING:
    from tasks.data.images import Images

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".pgm", ".webp", ".tif", ".tiff"}
LAYOUT = "one folder of images per class, or train/ and test/ folders of these"


@dataclass(frozen=True)
class Listing:
    """The image files below one folder, relative to it, with the position of their class."""

    folder: Path
    classes: tuple[str, ...]
    files: tuple[str, ...]
    labels: tuple[int, ...]


class ImageFolder:
    """Without a `test/` folder the split is made by `split.test` and `split.seed`."""

    def inspect(self, settings: DatasetSettings, folder: Path | None) -> Inspection:
        if settings.image_size is None:
            raise UsageError("dataset.image_size is missing: image_folder needs the size to which images are resized")
        listings = list_images(needed_folder(settings, folder, LAYOUT))
        root = needed_folder(settings, folder, LAYOUT)
        names = [str((part.folder / name).relative_to(root)) for part in listings for name in part.files]
        train = len(listings[0].files)
        test = len(listings[1].files) if len(listings) == 2 else round(settings.split.test * train)
        train -= test if len(listings) == 1 else 0
        return Inspection(fingerprint(root, names), listings[0].classes, train, test, settings.channels or 3)

    def load(self, settings: DatasetSettings, folder: Path | None) -> tuple[Images, Images]:
        from tasks.data.images import divide

        parts = [decode(part, settings) for part in list_images(needed_folder(settings, folder, LAYOUT))]
        if len(parts) == 2:
            return parts[0], parts[1]
        return divide(parts[0], settings.split.test, settings.split.seed)


def list_images(root: Path) -> list[Listing]:
    """One listing, or the training and the test listing where the folder is divided.

    :raises UsageError: no image is there, a class is empty, or the two parts have other classes.
    """
    if not (root / "train").is_dir() or not (root / "test").is_dir():
        return [_list(root)]
    listings = [_list(root / "train"), _list(root / "test")]
    if listings[0].classes != listings[1].classes:
        odd = sorted(set(listings[0].classes) ^ set(listings[1].classes))
        raise UsageError(f"{root}: train/ and test/ have different classes: {', '.join(odd)}")
    return listings


def _list(folder: Path) -> Listing:
    classes = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    found = [
        (f"{name}/{file.relative_to(folder / name)}", label)
        for label, name in enumerate(classes)
        for file in sorted((folder / name).rglob("*"))
        if file.suffix.lower() in SUFFIXES
    ]
    empty = sorted(set(range(len(classes))) - {label for _, label in found})
    if not found or empty:
        which = f"; no image in {', '.join(classes[label] for label in empty)}" if empty else ""
        raise UsageError(f"{folder} does not hold {LAYOUT}{which}")
    files, labels = zip(*found, strict=True)
    return Listing(folder, tuple(classes), files, labels)


def decode(listing: Listing, settings: DatasetSettings) -> Images:
    """Decode and resize every file.

    :raises UsageError: files that cannot be decoded, counted and named.
    """
    import torch
    from torchvision.io import ImageReadMode, decode_image

    from tasks.data.images import Images, resized

    mode = ImageReadMode.GRAY if settings.channels == 1 else ImageReadMode.RGB
    pixels, corrupt = [], []
    for name in listing.files:
        try:
            pixels.append(resized(decode_image(str(listing.folder / name), mode)[None], settings))
        except RuntimeError:
            corrupt.append(name)
    if corrupt:
        shown = ", ".join(corrupt[:5]) + (", ..." if len(corrupt) > 5 else "")
        raise UsageError(f"{listing.folder}: {len(corrupt)} of {len(listing.files)} images are corrupt: {shown}")
    return Images(torch.cat(pixels), torch.tensor(listing.labels, dtype=torch.int64), listing.classes)


SOURCE = ImageFolder()
