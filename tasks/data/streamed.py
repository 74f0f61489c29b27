"""Pixels that stay in the memory-mapped file of the node's cache, for images that do not fit in memory.

What is asked for is read batch by batch, in a thread of its own ahead of whoever computes. Each read maps the file anew
and lets go of it, so that a process holds the batches that are under way and no others; the system keeps as much of the
file as it has room for, which all processes of the machine share.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

AHEAD = 2
"""Batches that are read before they are asked for."""
Asked = TypeVar("Asked")
Read = TypeVar("Read")


@dataclass(frozen=True)
class StreamedPixels:
    """Pixels of images, uint8 [N, C, H, W], of which only those that are asked for are read."""

    file: Path
    """A NumPy file, uint8 [M, C, H, W]."""
    stored_shape: tuple[int, ...]
    """[M, C, H, W]."""
    places: Tensor | None = None
    """int64 [N], on the host: which images of the file; null: all."""
    device: torch.device = torch.device("cpu")  # noqa: RUF009
    """Where what is read is brought."""

    @classmethod
    def open(cls, file: Path) -> StreamedPixels:
        """All images of a file."""
        return cls(file, np.load(file, mmap_mode="r").shape)

    def __len__(self) -> int:
        return self.stored_shape[0] if self.places is None else len(self.places)

    @property
    def shape(self) -> torch.Size:
        """[N, C, H, W]."""
        return torch.Size((len(self), *self.stored_shape[1:]))

    @property
    def nbytes(self) -> int:
        """What the images would take in memory."""
        return self.shape.numel()

    def __getitem__(self, index: Tensor | slice) -> Tensor:
        """The images at these places, int64 [n] or a slice, as uint8 [n, C, H, W] on the device."""
        return self._send(self._read(index))

    def select(self, index: Tensor) -> StreamedPixels:
        """The images at these places, int64 [n], or where a bool [N] is true; nothing is read."""
        index = index.cpu()
        index = index.nonzero()[:, 0] if index.dtype == torch.bool else index
        return replace(self, places=index if self.places is None else self.places[index])

    def to(self, device: torch.device) -> StreamedPixels:
        """The same images, to be brought to a device when they are read."""
        return replace(self, device=device)

    def split(self, size: int) -> Iterator[Tensor]:
        """All images in order, so many at a time, uint8 [n, C, H, W]."""
        return self.read_batches([slice(first, first + size) for first in range(0, len(self), size)])

    def read_batches(self, batches: Sequence[Tensor | slice]) -> Iterator[Tensor]:
        """The images of each batch, uint8 [n, C, H, W]; the next ones are read meanwhile."""
        for pixels in _read_ahead(self._read, batches):
            yield self._send(pixels)

    def load(self) -> Tensor:
        """All images, uint8 [N, C, H, W]: mapped where they are the whole file, in memory where they are a choice."""
        if self.places is None:
            return torch.from_numpy(np.load(self.file, mmap_mode="c")).to(self.device)
        return self[slice(None)]

    def _read(self, index: Tensor | slice) -> Tensor:
        """On the host; pinned where a GPU is to have them, so that it takes them while the host goes on."""
        stored: NDArray[np.uint8] = np.load(self.file, mmap_mode="r")
        if self.places is not None:
            index = self.places[index if isinstance(index, slice) else index.cpu()]
        found: Any = stored[index].copy() if isinstance(index, slice) else stored[index.cpu().numpy()]
        pixels = torch.from_numpy(np.asarray(found))
        return pixels.pin_memory() if self.device.type == "cuda" else pixels

    def _send(self, pixels: Tensor) -> Tensor:
        return pixels.to(self.device, non_blocking=True)


def _read_ahead(read: Callable[[Asked], Read], asked: Iterable[Asked]) -> Iterator[Read]:
    """What is read for each, in order; a thread is a few of them ahead."""
    with ThreadPoolExecutor(1, thread_name_prefix="reads-images") as thread:
        waiting: deque[Future[Read]] = deque()
        for item in asked:
            waiting.append(thread.submit(read, item))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
