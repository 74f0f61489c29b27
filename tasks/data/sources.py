"""The known data sets. To add one: write a module with a `Source` and name it here.

This module imports nothing heavy, so that a plan can be made without torch.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from tasks.errors import UsageError

if TYPE_CHECKING:
    from tasks.data.images import Images
    from tasks.data.settings import DatasetSettings

SOURCES = {
    "digits": "tasks.data.digits",
    "mnist": "tasks.data.mnist",
    "image_folder": "tasks.data.image_folder",
}
"""Name in a search space -> module that defines `SOURCE`."""


@dataclass(frozen=True)
class Inspection:
    """What can be known of a data set without decoding it."""

    fingerprint: str
    """sha256 of the content, the same wherever the files lie."""
    classes: tuple[str, ...]
    train_images: int
    test_images: int
    channels: int


class Source(Protocol):
    """One data set on disk."""

    def inspect(self, settings: DatasetSettings, folder: Path | None) -> Inspection:
        """Fingerprint and count the files.

        :raises UsageError: files are missing or cannot be read; the message says what to put where.
        """

    def load(self, settings: DatasetSettings, folder: Path | None) -> tuple[Images, Images]:
        """Decode everything at the size of the settings: training and test images."""


def source(name: str) -> Source:
    """The source of that name; its module is imported now."""
    return cast(Source, importlib.import_module(SOURCES[name]).SOURCE)


def inspect(settings: DatasetSettings, data_dir: Path | None) -> Inspection:
    """Inspect the data set that the settings name, at its own root or below the data folder."""
    return source(settings.name).inspect(settings, settings.root or data_dir)


def needed_folder(settings: DatasetSettings, folder: Path | None, what: str) -> Path:
    """The folder of a data set that lives on disk.

    :raises UsageError: none was given, or it does not exist.
    """
    if folder is None:
        raise UsageError(f"dataset.name = {settings.name!r} needs a folder: give --data-dir DIR with {what}")
    if not folder.is_dir():
        raise UsageError(f"the data folder {str(folder)!r} does not exist: {settings.name} needs {what}")
    return folder
