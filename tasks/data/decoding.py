"""Decoding image files into one array on disk, by all CPUs, so that whoever goes on after a kill loses seconds."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.data.image_files import BROKEN, decode_image
from tasks.data.images import resize_images
from tasks.data.listing import Listing
from tasks.data.settings import DatasetSettings
from tasks.data.source import PROGRESS_LOG, ReportProgress
from tasks.file_digests import count_threads
from tasks.paths import make_temporary_name

PORTION = 100
"""Images that are decoded between two looks at the clock, and two reports of how far it is."""
NOTE_EVERY = 5.0
"""Seconds of decoding that a kill may cost."""
SAY_EVERY = 30.0
"""Seconds between two lines in the log, where nobody else is told how far it is."""
LOG = logging.getLogger(PROGRESS_LOG)


class Draft:
    """An array on disk that is being filled in order, and beside it how far it is. One process at a time has it."""

    def __init__(self, target: Path) -> None:
        """:param target: what the file is called when it is whole."""
        self._target = target
        self._file = target.with_suffix(".part")
        self._notes = target.with_suffix(".progress")

    def begin(self, shape: tuple[int, ...]) -> tuple[int, list[int]]:
        """How many images of such an array are there already, and which of them are corrupt.

        :param shape: [N, C, H, W].
        :raises OSError: there is no room for it.
        """
        try:
            done, corrupt = json.loads(self._notes.read_text())
            stored: tuple[int, ...] = np.load(self._file, mmap_mode="r").shape
            if stored == shape and 0 <= int(done) <= shape[0]:
                return int(done), [int(place) for place in corrupt]
        except (OSError, ValueError, TypeError):
            pass  # there is none, or it was broken off before its first note
        self.remove()
        np.lib.format.open_memmap(self._file, "w+", np.uint8, shape)
        if hasattr(os, "posix_fallocate"):
            with self._file.open("r+b") as stream:  # a full disk would end the process when a page is written
                os.posix_fallocate(stream.fileno(), 0, self._file.stat().st_size)
        return 0, []

    def map_array(self) -> NDArray[np.uint8]:
        """The array, uint8 [N, C, H, W], mapped to be written."""
        array: NDArray[np.uint8] = np.lib.format.open_memmap(self._file, "r+")
        return array

    def note(self, done: int, corrupt: Iterable[int]) -> None:
        """Remember how far it is, once the disk has what is done."""
        with self._file.open("r+b") as stream:
            os.fsync(stream.fileno())
        draft = self._notes.with_name(make_temporary_name(self._notes.name, "new"))
        draft.write_text(json.dumps([done, list(corrupt)]))
        draft.replace(self._notes)

    def publish(self) -> None:
        """Give it the name of what is whole."""
        self._file.replace(self._target)
        self._notes.unlink(missing_ok=True)

    def remove(self) -> None:
        """Leave nothing of it."""
        self._file.unlink(missing_ok=True)
        self._notes.unlink(missing_ok=True)


def decode_files(
    listing: Listing, settings: DatasetSettings, draft: Draft, progress: ReportProgress | None
) -> list[Path]:
    """Decode every file into its place of the array, [N, C, H, W], in the order of the listing; returns the corrupt.

    Threads do it, as many as there are CPUs: what is decoded does not depend on which of them takes an image.

    :raises OSError: the array cannot be written.
    """
    total, size = len(listing.files), settings.image_size
    assert size is not None, "inspect() refuses image files without a size"
    done, corrupt = draft.begin((total, settings.channels or 3, size, size))
    progress, noted = progress or log_progress(), time.monotonic()
    with ThreadPoolExecutor(count_threads()) as threads:
        for first in range(done, total, PORTION):
            array, places = draft.map_array(), range(first, min(first + PORTION, total))

            def decode(place: int, array: NDArray[np.uint8] = array) -> bool:
                try:
                    pixels = decode_image(listing.folder / listing.files[place], settings.channels or 3)
                    array[place] = resize_images(pixels[None], settings)[0].numpy()
                except BROKEN:
                    return False
                return True

            whole = list(threads.map(decode, places))
            corrupt += [place for place, fine in zip(places, whole, strict=True) if not fine]
            progress("decoding images", places.stop, total)
            if time.monotonic() - noted >= NOTE_EVERY:
                draft.note(places.stop, corrupt)
                noted = time.monotonic()
    return [listing.folder / listing.files[place] for place in corrupt]


def log_progress() -> ReportProgress:
    """Writes how far it is into the log, now and then."""
    said = time.monotonic()

    def report(what: str, done: int, total: int) -> None:
        nonlocal said
        if time.monotonic() - said >= SAY_EVERY:
            LOG.info("%s: %s of %s", what, f"{done:,}", f"{total:,}")
            said = time.monotonic()

    return report
