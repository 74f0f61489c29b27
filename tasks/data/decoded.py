"""Images that are decoded once per machine: a memory-mapped uint8 file that all trials share.

It is named by the content of the image files and by how they are decoded, appears whole or not at all, and is made
again where its checksum no longer fits. Processes that want the same file wait for the first of them.
"""

from __future__ import annotations

import contextlib
import math
import os
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torchvision.io import ImageReadMode, decode_image

from tasks.data.images import Images, resize_images
from tasks.data.listing import Listing
from tasks.data.settings import DatasetSettings
from tasks.data.source import ReportProgress
from tasks.errors import UsageError
from tasks.fingerprints import get_cache_folder, hash_folder
from tasks.keys import hash_json
from tasks.paths import make_temporary_name

MOST_PIXELS = 50_000_000
"""Of an image: a photograph of 7000 x 7000, which takes 600 MB while it is made smaller."""
PORTION = 100
"""Images between two reports of how far it is."""
VERSION = 1
"""Raised when the same file would be decoded to other pixels than before."""


def load_decoded(
    listings: Sequence[Listing], settings: DatasetSettings, progress: ReportProgress | None = None
) -> list[Images]:
    """The images of each listing; the pixels are mapped from files, which are made where they are not there.

    :raises UsageError: images are corrupt, counted and named over all listings; or the cache folder cannot be written.
    """
    targets = [get_cache_folder() / "decoded" / f"{_make_key(listing, settings)}.npy" for listing in listings]
    corrupt: list[Path] = []
    for listing, target in zip(listings, targets, strict=True):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with _hold_lock(target):
                corrupt += [] if _is_whole(target) else _write_decoded(listing, settings, target, progress)
        except OSError as error:
            raise UsageError(
                f"decoded images cannot be kept in {target.parent}: {error.strerror or error}; "
                "set ADVSWEEP_CACHE to a folder that can be written and has room"
            ) from error
    _refuse_corrupt(corrupt, listings)
    return [_map_file(listing, target) for listing, target in zip(listings, targets, strict=True)]


def _refuse_corrupt(corrupt: list[Path], listings: Sequence[Listing]) -> None:
    if not corrupt:
        return
    root = Path(os.path.commonpath([listing.folder for listing in listings]))
    shown = ", ".join(file.relative_to(root).as_posix() for file in corrupt[:5]) + (", ..." if corrupt[5:] else "")
    total = sum(len(listing.files) for listing in listings)
    raise UsageError(f"{root}: {len(corrupt)} of {total} images are corrupt: {shown}")


def _map_file(listing: Listing, file: Path) -> Images:
    pixels = torch.from_numpy(np.load(file, mmap_mode="c"))
    return Images(pixels, torch.tensor(listing.labels, dtype=torch.int64), listing.classes)


def _make_key(listing: Listing, settings: DatasetSettings) -> str:
    content: dict[str, object] = {
        "version": VERSION,
        "files": hash_folder(listing.folder, listing.files),
        "order": hash_json(listing.files),
    }
    if settings.fit != "squash":
        content["fit"] = settings.fit
    return hash_json({**content, "image_size": settings.image_size, "channels": settings.channels or 3})


def _is_whole(target: Path) -> bool:
    """Whether the file is there with the checksum that it was written with; read only if it is new or has changed."""
    checksum = target.with_suffix(".sha256")
    if not target.is_file() or not checksum.is_file():
        return False
    return hash_folder(target.parent, [target.name]) == checksum.read_text()


def _write_decoded(
    listing: Listing, settings: DatasetSettings, target: Path, progress: ReportProgress | None
) -> list[Path]:
    """Decode into the file, unless images are corrupt: these are returned."""
    draft = target.with_name(make_temporary_name(target.name, uuid.uuid4().hex[:8]))
    try:
        corrupt = _decode_all(listing, settings, draft, progress)
        if not corrupt:
            draft.replace(target)
            target.with_suffix(".sha256").write_text(hash_folder(target.parent, [target.name]))
        return corrupt
    finally:
        draft.unlink(missing_ok=True)


def _decode_all(
    listing: Listing, settings: DatasetSettings, draft: Path, progress: ReportProgress | None
) -> list[Path]:
    """Decode every file into a new array on disk, [N, C, H, W], in the order of the listing; returns the corrupt.

    Threads do it, as many as there are CPUs: what is decoded does not depend on which of them takes an image.
    """
    total, size = len(listing.files), settings.image_size
    assert size is not None, "inspect() refuses image files without a size"
    shape = (total, settings.channels or 3, size, size)
    array: NDArray[np.uint8] = np.lib.format.open_memmap(draft, "w+", np.uint8, shape)
    corrupt = []

    def decode(place: int) -> bool:
        try:
            array[place] = _decode_image(listing.folder / listing.files[place], settings).numpy()
        except (OSError, RuntimeError, ValueError):
            return False
        return True

    with ThreadPoolExecutor(count_threads()) as threads:
        for first in range(0, total, PORTION):
            places = range(first, min(first + PORTION, total))
            whole = list(threads.map(decode, places))
            corrupt += [
                listing.folder / listing.files[place] for place, fine in zip(places, whole, strict=True) if not fine
            ]
            if progress:
                progress("decoding images", places.stop, total)
    array.flush()  # type: ignore[attr-defined]
    return corrupt


def count_threads() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _decode_image(path: Path, settings: DatasetSettings) -> Tensor:
    """uint8 [C, H, W] at the size of the settings.

    :raises RuntimeError, OSError, ValueError: the file is no image that can be decoded, or one of too many pixels.
    """
    with Image.open(path) as header:  # reads no pixel
        if math.prod(header.size) > MOST_PIXELS:
            raise ValueError(f"{path} has {math.prod(header.size):,} pixels")
    mode = ImageReadMode.GRAY if settings.channels == 1 else ImageReadMode.RGB
    return resize_images(decode_image(str(path), mode)[None], settings)[0]


@contextlib.contextmanager
def _hold_lock(target: Path) -> Iterator[None]:
    """Hold a lock that the system releases when this process ends, however it ends; none where there is no fcntl."""
    try:
        import fcntl
    except ImportError:  # Windows: two processes may decode the same images, and one result stays
        yield
        return
    with target.with_suffix(".lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
