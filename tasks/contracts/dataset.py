"""What a data set promises."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tasks.contracts.contract import Finding, expect, read_settings, try_promises
from tasks.data.function import FunctionSource
from tasks.data.images import Images
from tasks.data.settings import DatasetSettings
from tasks.data.source import Inspection, Source, load_source

OTHER_SIZE = 12


@dataclass(frozen=True)
class DatasetSubject:
    """A data set that was inspected and loaded."""

    source: Source
    settings: DatasetSettings
    folder: Path | None
    found: Inspection
    splits: tuple[Images, Images]

    def forget(self) -> Source:
        """The same source without anything that it remembers."""
        if isinstance(self.source, FunctionSource):
            return FunctionSource(self.source.name, self.source.function)
        return self.source


def check_dataset(name: str, given: Mapping[str, Any], folder: Path | None) -> list[Finding]:
    """Read a data set whole, several times.

    :param given: settings other than the defaults, such as `image_size`.
    :param folder: the data folder; null where it needs none.
    """

    def prepare() -> DatasetSubject:
        source, settings = load_source(name), read_settings(DatasetSettings, {"name": name, **given})
        return DatasetSubject(source, settings, folder, source.inspect(settings, folder), source.load(settings, folder))

    return try_promises("data set", name, prepare, CHECKS)


def check_counts_are_those_of_the_images(subject: DatasetSubject) -> None:
    there = tuple(map(len, subject.splits))
    counted = (subject.found.train_images, subject.found.test_images)
    expect(there == counted, f"it counts {counted} training and test images and loads {there}")
    expect(min(there) > 0, f"a split is empty: {there} training and test images")
    channels = subject.splits[0].pixels.shape[1]
    expect(channels == subject.found.channels, f"it says {subject.found.channels} channels and loads {channels}")


def check_pixels_are_bytes(subject: DatasetSubject) -> None:
    for images in subject.splits:
        pixels = images.pixels
        shown = f"{pixels.dtype} {list(pixels.shape)}"
        good = pixels.dtype == torch.uint8 and pixels.dim() == 4 and pixels.shape[1] in (1, 3)
        expect(good, f"pixels are uint8 [N, 1 or 3, H, W], not {shown}")
        expect(int(pixels.max()) > 1, "no pixel is above 1: bytes are 0 to 255, not fractions")


def check_labels_name_classes(subject: DatasetSubject) -> None:
    classes = subject.found.classes
    expect(len(set(classes)) == len(classes) >= 2, f"classes are two names or more, each once, not {classes}")
    for images, split in zip(subject.splits, ("training", "test"), strict=True):
        labels = images.labels
        expect(labels.dtype == torch.int64 and labels.dim() == 1, f"labels are int64 [N], not {labels.dtype}")
        low, high = int(labels.min()), int(labels.max())
        expect(0 <= low <= high < len(classes), f"{split} labels run from {low} to {high}: {len(classes)} classes")
        expect(images.classes == classes, f"the {split} images have other classes than the inspection says")
    absent = sorted(set(range(len(classes))) - set(subject.splits[0].labels.tolist()))
    expect(not absent, f"no training image is of class {', '.join(classes[label] for label in absent[:5])}")


def check_fingerprint_is_stable(subject: DatasetSubject) -> None:
    first = subject.found.fingerprint
    again = subject.forget().inspect(subject.settings, subject.folder).fingerprint
    expect(first == again, "the fingerprint of the same images differs each time: nothing could ever be reused")
    expect(bool(re.fullmatch(r"[0-9a-f]{16,}", first)), f"the fingerprint is a digest in hex digits, not {first!r}")


def check_images_repeat(subject: DatasetSubject) -> None:
    again = subject.forget().load(subject.settings, subject.folder)
    for before, after in zip(subject.splits, again, strict=True):
        same = torch.equal(before.pixels, after.pixels) and torch.equal(before.labels, after.labels)
        expect(same, "other images or labels come each time")


def check_size_and_channels_are_those_asked_for(subject: DatasetSubject) -> None:
    for channels in (1, 3):
        asked = subject.settings.model_copy(update={"image_size": OTHER_SIZE, "channels": channels})
        for images in subject.source.load(asked, subject.folder):
            shape, wanted = list(images.pixels.shape[1:]), [channels, OTHER_SIZE, OTHER_SIZE]
            expect(shape == wanted, f"images of {wanted} are asked for, and {shape} come")


CHECKS = (
    check_counts_are_those_of_the_images,
    check_pixels_are_bytes,
    check_labels_name_classes,
    check_fingerprint_is_stable,
    check_images_repeat,
    check_size_and_channels_are_those_asked_for,
)
