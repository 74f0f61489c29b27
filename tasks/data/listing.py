"""The image files of a data set that keeps a folder per class."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from tasks.data.settings import DatasetSettings
from tasks.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".pgm", ".webp", ".tif", ".tiff"}


@dataclass(frozen=True)
class Listing:
    """Image files below one folder, relative to it, with the position of their class."""

    folder: Path
    classes: tuple[str, ...]
    files: tuple[str, ...]
    labels: tuple[int, ...]

    def select(self, places: Tensor) -> Listing:
        """The files at these places, int64 [n], in this order."""
        chosen = places.tolist()
        files, labels = (tuple(column[place] for place in chosen) for column in (self.files, self.labels))
        return replace(self, files=files, labels=labels)


def list_classes(folder: Path, folders: dict[str, str], what: str) -> Listing:
    """The images of every class folder.

    :param folders: name of a folder -> the class that it holds; labels follow the sorted names of the classes.
    :raises UsageError: there is no image at all, a class has none, or an image is no file.
    """
    classes = sorted(folders.values())
    found = [
        (f"{name}/{file}", classes.index(folders[name]))
        for name in sorted(folders, key=folders.__getitem__)
        for file in sorted(_find_images(folder / name), key=lambda file: file.split("/"))
    ]
    empty = sorted(set(range(len(classes))) - {label for _, label in found})
    if not found or empty:
        which = f"; no image in {', '.join(classes[label] for label in empty)}" if empty else ""
        raise UsageError(f"{folder} does not hold {what}{which}")
    files, labels = zip(*found, strict=True)
    return Listing(folder, tuple(classes), files, labels)


def _find_images(folder: Path, prefix: str = "") -> Iterator[str]:
    """Every image below a folder, relative to it; links to folders are not followed, and no file is opened.

    :raises UsageError: what has the name of an image is no file: a link that leads nowhere, or a pipe. Left out, it
        would be another data set wherever a disk is missing.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _find_images(folder / entry.name, f"{prefix}{entry.name}/")
            elif PurePath(entry.name).suffix.lower() in SUFFIXES:
                if not entry.is_file():
                    raise UsageError(f"{entry.path} is no file that can be read: does a link lead nowhere?")
                yield prefix + entry.name


def count_images(listing: Listing, settings: DatasetSettings) -> tuple[int, int]:
    """How many training and test images a listing that is not divided gives."""
    count = min(settings.examples or len(listing.files), len(listing.files))
    test = round(settings.split.test * count)
    return count - test, test


def divide_listing(listing: Listing, settings: DatasetSettings) -> tuple[Listing, Listing]:
    """The training and the test files: limited by `examples`, then divided by `split.test`, both by `split.seed`."""
    import torch

    from tasks.data.images import divide_places, select_balanced

    if settings.examples and settings.examples < len(listing.files):
        listing = listing.select(select_balanced(torch.tensor(listing.labels), settings.examples, settings.split.seed))
    train, test = divide_places(len(listing.files), settings.split.test, settings.split.seed)
    return listing.select(train), listing.select(test)
