"""Images that are decoded once per machine: a memory-mapped uint8 file that all trials share.

It is named by the content of the image files and by how they are decoded, appears whole or not at all, and is made
again where its checksum no longer fits. Processes that want the same file wait for the first of them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from filelock import FileLock

from tasks.data.decoding import Draft, decode_files
from tasks.data.image_files import BROKEN, decode_image, describe_broken
from tasks.data.images import Images, resize_images
from tasks.data.listing import Listing
from tasks.data.settings import DatasetSettings
from tasks.data.source import ReportProgress
from tasks.data.streamed import StreamedPixels
from tasks.errors import UsageError
from tasks.fingerprints import get_cache_folder, hash_folder
from tasks.keys import hash_json

VERSION = 2
"""Raised when the same file would be decoded to other pixels than before."""


def load_decoded(
    listings: Sequence[Listing], settings: DatasetSettings, progress: ReportProgress | None = None
) -> list[Images]:
    """The images of each listing, to be read from files, which are made where they are not there.

    :raises UsageError: images are corrupt, counted and named over all listings; or the cache folder cannot be written.
    """
    targets = [get_cache_folder() / "decoded" / f"{_make_key(listing, settings)}.npy" for listing in listings]
    corrupt: list[Path] = []
    for listing, target in zip(listings, targets, strict=True):
        with hold_cache_file(target):
            corrupt += [] if is_whole(target) else _write_decoded(listing, settings, target, progress)
    _refuse_corrupt(corrupt, listings, settings)
    return [_map_file(listing, target) for listing, target in zip(listings, targets, strict=True)]


@contextlib.contextmanager
def hold_cache_file(target: Path) -> Iterator[None]:
    """Let no other process of the machine make the file meanwhile.

    :raises UsageError: the cache folder cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_suffix(".lock")):
            yield
    except OSError as error:
        raise UsageError(
            f"decoded images cannot be kept in {target.parent}: {error.strerror or error}; "
            "set ADVSWEEP_CACHE to a folder that can be written and has room"
        ) from error


def _refuse_corrupt(corrupt: list[Path], listings: Sequence[Listing], settings: DatasetSettings) -> None:
    if not corrupt:
        return
    root = Path(os.path.commonpath([listing.folder for listing in listings]))
    named = [f"{file.relative_to(root).as_posix()} ({_explain(file, settings)})" for file in corrupt[:5]]
    shown = ", ".join(named) + (", ..." if corrupt[5:] else "")
    total = sum(len(listing.files) for listing in listings)
    raise UsageError(f"{root}: {len(corrupt)} of {total} images cannot be used: {shown}")


def _explain(file: Path, settings: DatasetSettings) -> str:
    """Why an image cannot be used: it is looked at once more, since a draft keeps its place alone."""
    try:
        resize_images(decode_image(file, settings.channels or 3)[None], settings)
    except BROKEN as error:
        return describe_broken(error)
    return "it can be read now: try again"


def _map_file(listing: Listing, file: Path) -> Images:
    return Images(StreamedPixels.open(file), torch.tensor(listing.labels, dtype=torch.int64), listing.classes)


def _make_key(listing: Listing, settings: DatasetSettings) -> str:
    content: dict[str, object] = {
        "version": VERSION,
        "files": hash_folder(listing.folder, listing.files),
        "order": hash_json(listing.files),
    }
    if settings.fit != "squash":
        content["fit"] = settings.fit
    return hash_json({**content, "image_size": settings.image_size, "channels": settings.channels or 3})


def is_whole(target: Path) -> bool:
    """Whether the file is there with the checksum that it was written with; read only if it is new or has changed."""
    checksum = target.with_suffix(".sha256")
    if not target.is_file() or not checksum.is_file():
        return False
    return hash_folder(target.parent, [target.name]) == checksum.read_text()


def _write_decoded(
    listing: Listing, settings: DatasetSettings, target: Path, progress: ReportProgress | None
) -> list[Path]:
    """Decode into the file, unless images are corrupt: these are returned."""
    draft = Draft(target)
    corrupt = decode_files(listing, settings, draft, progress)
    if corrupt:
        draft.remove()
        return corrupt
    publish(draft, target)
    return []


def publish(draft: Draft, target: Path) -> None:
    """Give the draft its name, with the checksum by which it is known to be whole."""
    draft.publish()
    target.with_suffix(".sha256").write_text(hash_folder(target.parent, [target.name]))
