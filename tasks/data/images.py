"""Labelled images, in memory or streamed, and their division into splits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from tasks.data.image_files import MOST_PIXELS
from tasks.data.settings import DatasetSettings, SplitSettings
from tasks.data.streamed import StreamedPixels
from tasks.transfer import send

CHUNK = 1024
"""Images that are resized at once."""


@dataclass(frozen=True)
class Images:
    """One split: pixels as stored, labels, class names."""

    stored: Tensor | StreamedPixels
    """uint8 [N, C, H, W]: in memory, or read batch by batch."""
    labels: Tensor
    """int64 [N]."""
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def pixels(self) -> Tensor:
        """All pixels, uint8 [N, C, H, W]: what is streamed is read whole, so only for what is known to be small."""
        return self.stored.load() if isinstance(self.stored, StreamedPixels) else self.stored

    @property
    def image_shape(self) -> tuple[int, ...]:
        """[C, H, W]."""
        return tuple(self.stored.shape[1:])

    @property
    def device(self) -> torch.device:
        """Where pixels are read to."""
        return self.stored.device

    def read(self, index: Tensor | slice) -> Tensor:
        """The pixels at these places, int64 [n] or a slice; uint8 [n, C, H, W]."""
        return self.stored[index]

    def split(self, size: int) -> Iterable[Tensor]:
        """All pixels in order, so many images at a time, uint8 [n, C, H, W]."""
        return self.stored.split(size)

    def read_batches(self, batches: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """Places, int64 [n], and pixels, uint8 [n, C, H, W], of each batch, both on the device.

        :param batches: places of images, int64 [n], on the host.
        """
        if not batches:
            return
        sent = send(torch.cat(list(batches)), self.device).split([len(batch) for batch in batches])
        if isinstance(self.stored, StreamedPixels):
            yield from zip(sent, self.stored.read_batches(batches), strict=True)
        else:
            yield from ((index, self.stored[index]) for index in sent)

    def select(self, index: Tensor) -> Images:
        """The images at these places, int64 [n], or where a bool [N] is true; in this order."""
        stored = self.stored
        chosen = stored.select(index) if isinstance(stored, StreamedPixels) else stored[index]
        return Images(chosen, self.labels[index], self.classes)

    def to(self, device: torch.device) -> Images:
        """The same images on a device."""
        return Images(self.stored.to(device), self.labels.to(device), self.classes)


@dataclass(frozen=True)
class Splits:
    """The three splits of a trial. `validation` is empty unless asked for; the test split decides nothing."""

    train: Images
    validation: Images
    test: Images


def resize_images(pixels: Tensor, settings: DatasetSettings, chunk: int = CHUNK) -> Tensor:
    """uint8 [N, C, H, W] at the size and number of channels of the settings.

    Resizing is bilinear with antialiasing, as torchvision and PIL do it; `fit` says what becomes of other shapes.

    :raises ValueError: an image is so long and thin that it would have too many pixels before it is cropped.
    """
    if settings.channels and settings.channels != pixels.shape[1]:
        grey = pixels.float().mean(1, keepdim=True).round().to(torch.uint8)
        pixels = grey if settings.channels == 1 else pixels[:, :1].expand(-1, 3, -1, -1)
    size = settings.image_size
    if size is None or pixels.shape[-2:] == (size, size):
        return pixels.contiguous()
    height, width = (size, size) if settings.fit == "squash" else _scale_shorter_side(pixels, size)
    if height * width > MOST_PIXELS:
        raise ValueError(f"an image of {tuple(pixels.shape[-2:])} would be cropped out of {height * width:,} pixels")
    top, left = (height - size) // 2, (width - size) // 2
    parts = [
        F.interpolate(part.float(), (height, width), mode="bilinear", antialias=True).round().clamp(0, 255).byte()
        for part in pixels.split(chunk)
    ]
    return torch.cat(parts)[:, :, top : top + size, left : left + size].contiguous()


def _scale_shorter_side(pixels: Tensor, size: int) -> tuple[int, int]:
    """Height and width of which the smaller is the size, in the proportion of the images."""
    height, width = pixels.shape[-2:]
    factor = size / min(height, width)
    return max(size, round(height * factor)), max(size, round(width * factor))


def divide_places(count: int, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """Places of what stays and of a share that is taken, chosen by a seed.

    :param share: in [0, 1]; the number that is taken is rounded.
    :returns: int64 [stays] and int64 [taken], both ascending.
    """
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    taken = round(share * count)
    return order[taken:].sort().values, order[:taken].sort().values


def divide_images(images: Images, share: float, seed: int) -> tuple[Images, Images]:
    """Split off a share of the images, chosen by a seed: what stays, what was taken."""
    if round(share * len(images)) == 0:
        return images, images.select(torch.zeros(0, dtype=torch.int64))  # nothing is copied
    kept, taken = divide_places(len(images), share, seed)
    return images.select(kept), images.select(taken)


def select_balanced(labels: Tensor, count: int, seed: int) -> Tensor:
    """Places of so many images, ascending: as many of each class as can be, chosen by a seed.

    :param labels: int64 [N].
    :returns: int64 [count].
    """
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    shuffled = labels[order]
    rank = torch.zeros_like(shuffled)
    for label in shuffled.unique():
        of_class = shuffled == label
        rank[of_class] = torch.arange(int(of_class.sum()))
    return order[rank.argsort(stable=True)[:count]].sort().values


def make_splits(train: Images, test: Images, settings: DatasetSettings) -> Splits:
    """Limit the training images and hold out the validation part."""
    division: SplitSettings = settings.split
    if settings.train_examples and settings.train_examples < len(train):
        share = 1 - settings.train_examples / len(train)
        train, _ = divide_images(train, share, division.seed + 1)
    train, validation = divide_images(train, division.validation, division.seed + 2)
    return Splits(train, validation, test)


def convert_to_float(pixels: Tensor) -> Tensor:
    """uint8 [N, C, H, W] -> float in [0, 1], channels last."""
    return pixels.float().div_(255).contiguous(memory_format=torch.channels_last)
