"""What a data set is to the rest of the program, and what can be known of it before it is decoded.

This module imports nothing heavy, so that a plan can be made without torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from tasks.data.registry import SOURCES
from tasks.errors import MissingDataError, UsageError
from tasks.local_paths import parse_local_path

if TYPE_CHECKING:
    from tasks.data.images import Images
    from tasks.data.settings import DatasetSettings

ReportProgress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is finished, and how much there is."""


PROGRESS_LOG = "advsweep.data"
"""The log that says how far it is where nobody else is told."""


@dataclass(frozen=True)
class Inspection:
    """What can be known of a data set without decoding it."""

    fingerprint: str
    """sha256 of the content, the same wherever the files lie."""
    classes: tuple[str, ...]
    train_images: int
    test_images: int
    channels: int
    side: int | None = None
    """Pixels of each side, where all images come square and of one size; null: that is not known before."""


PLACEHOLDER = "0" * 64
"""The fingerprint of data that are not here."""
ASSUMED = 10_000, 2_000
"""Training and test images of a data set that is not here and of which nothing was published."""


class Source(Protocol):
    """One data set on disk."""

    def inspect(self, settings: DatasetSettings, folder: Path | None) -> Inspection:
        """Fingerprint and count the files.

        :raises UsageError: files are missing or cannot be read; the message says what to put where.
        """

    def load(self, settings: DatasetSettings, folder: Path | None) -> tuple[Images, Images]:
        """Decode everything at the size of the settings: training and test images."""

    def download(self, settings: DatasetSettings, folder: Path | None, progress: ReportProgress) -> None:
        """Download what can be downloaded.

        :raises UsageError: it cannot be had from here; the message says what to put where.
        """

    def decode(self, settings: DatasetSettings, folder: Path | None, progress: ReportProgress) -> None:
        """Decode what is slow to decode into a file that all trials share.

        :raises UsageError: images are corrupt, or the file cannot be written.
        """


def load_source(name: str) -> Source:
    """The source of that name; its module is imported now."""
    return cast(Source, SOURCES.load(name))


def inspect_dataset(settings: DatasetSettings, data_dir: Path | None) -> Inspection:
    """Inspect the data set that the settings name, at its own root or below the data folder.

    :raises UsageError: it cannot be read, or does not have as many images as the settings ask for.
    """
    found = load_source(settings.name).inspect(settings, settings.root or data_dir)
    total = found.train_images + found.test_images
    if settings.examples and settings.examples > total:
        raise UsageError(f"dataset.examples = {settings.examples}: {settings.name} has only {total} images")
    if settings.examples and settings.examples < total:
        raise UsageError(
            f"dataset.examples = {settings.examples}: these images come divided into training and test images; "
            "limit them with dataset.train_examples and attack.examples"
        )
    if settings.train_examples and settings.train_examples > found.train_images:
        there = f"{settings.name} has {found.train_images} training images"
        raise UsageError(f"dataset.train_examples = {settings.train_examples}: {there}")
    return found


def make_placeholder(settings: DatasetSettings) -> Inspection:
    """What a plan takes for a data set that is not here: the published number of images, and the content of none.

    Keys that follow from it are nobody's: what is stored cannot be told.
    """
    train, test = getattr(load_source(settings.name), "published", ASSUMED)
    if settings.examples:
        test = round(settings.split.test * settings.examples)
        train = settings.examples - test
    return Inspection(PLACEHOLDER, (), max(train, settings.train_examples or 0), test, 3)


def count_training_images(settings: DatasetSettings, found: Inspection) -> int:
    """Images that a stage trains on: limited by `train_examples`, without the validation part."""
    count = settings.train_examples or found.train_images
    return count - round(settings.split.validation * count)


def require_folder(settings: DatasetSettings, folder: Path | None, what: str) -> Path:
    """The folder of a data set that lives on disk.

    :raises MissingDataError: none was given, or it does not exist.
    """
    if folder is None:
        raise MissingDataError(f"dataset.name = {settings.name!r} needs a folder: give --data-dir DIR with {what}")
    folder = parse_local_path(folder, "--data-dir")
    if not folder.is_dir():
        state = "is no folder" if folder.exists() else "does not exist"
        raise MissingDataError(f"the data folder {str(folder)!r} {state}: {settings.name} needs {what}")
    return folder
