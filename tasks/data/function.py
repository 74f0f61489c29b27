"""A data set that is one function: the simplest form of a user's own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.data.settings import DatasetSettings
from tasks.data.source import Inspection, ReportProgress
from tasks.errors import UsageError

if TYPE_CHECKING:
    from tasks.data.images import Images


class FunctionSource:
    """The images that a function returns; hashed and counted by calling it."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        """:param function: (settings, folder) -> (train, test) or (train, test, classes), each part pixels, uint8
        [N, C, H, W], and labels, integers [N].
        """
        self.name = name
        self.function = function
        self._read = lru_cache(maxsize=1)(self._call)

    def inspect(self, settings: DatasetSettings, folder: Path | None) -> Inspection:
        train, test = self._read(settings, folder)
        found = hashlib.sha256()
        for part in (train, test):
            found.update(str(tuple(part.pixels.shape)).encode())
            found.update(part.pixels.contiguous().numpy().tobytes())
            found.update(part.labels.numpy().tobytes())
        found.update("\n".join(train.classes).encode())
        channels, height, width = train.image_shape
        side = height if height == width and test.image_shape == train.image_shape else None
        return Inspection(found.hexdigest(), train.classes, len(train), len(test), channels, side)

    def load(self, settings: DatasetSettings, folder: Path | None) -> tuple[Images, Images]:
        from tasks.data.images import Images
        from tasks.data.resized import hold_resized

        return tuple(  # type: ignore[return-value]
            Images(hold_resized(part.pixels, settings), part.labels, part.classes)
            for part in self._read(settings, folder)
        )

    def download(self, settings: DatasetSettings, folder: Path | None, progress: ReportProgress) -> None:
        """Nothing to do: the function brings the images."""

    def decode(self, settings: DatasetSettings, folder: Path | None, progress: ReportProgress) -> None:
        """Nothing to do: they are in memory."""

    def _call(self, settings: DatasetSettings, folder: Path | None) -> tuple[Images, Images]:
        found = self.function(settings, folder)
        if not isinstance(found, tuple) or len(found) not in (2, 3):
            raise UsageError(f"data set {self.name}: the function returns (train, test) or (train, test, classes)")
        train, test = (self._check(part, what) for part, what in zip(found, ("train", "test"), strict=False))
        most = int(max(train[1].max(), test[1].max())) + 1
        classes = tuple(map(str, found[2])) if len(found) == 3 else tuple(map(str, range(most)))
        if most > len(classes):
            raise UsageError(f"data set {self.name}: there are labels up to {most - 1} and {len(classes)} classes")
        from tasks.data.images import Images

        return Images(*train, classes), Images(*test, classes)

    def _check(self, part: Any, what: str) -> tuple[Any, Any]:
        import torch

        pixels, labels = (torch.as_tensor(values) for values in part)
        if pixels.dtype != torch.uint8 or pixels.dim() != 4 or pixels.shape[1] not in (1, 3):
            found = f"{pixels.dtype} {list(pixels.shape)}"
            raise UsageError(f"data set {self.name}, {what}: pixels are uint8 [N, 1 or 3, H, W], not {found}")
        if labels.shape != pixels.shape[:1] or labels.dtype.is_floating_point or not len(labels) or labels.min() < 0:
            raise UsageError(f"data set {self.name}, {what}: labels are integers from 0, one for each of the images")
        return pixels, labels.to(torch.int64)
