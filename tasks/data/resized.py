"""Images of an array at another size: in memory where they are few, else in the cache of the machine, once for all."""

from __future__ import annotations

import hashlib
import math
import time

import torch
from torch import Tensor

from tasks.data.decoded import hold_cache_file, is_whole, publish
from tasks.data.decoding import NOTE_EVERY, Draft, log_progress
from tasks.data.images import CHUNK, resize_images
from tasks.data.settings import DatasetSettings
from tasks.data.streamed import StreamedPixels
from tasks.fingerprints import get_cache_folder
from tasks.keys import hash_json

VERSION = 1
"""Raised when the same images would be resized to other pixels than before."""


def hold_resized(pixels: Tensor, settings: DatasetSettings) -> Tensor | StreamedPixels:
    """The images at the size and with the channels of the settings; above `stream_above`, to be read from a file.

    :param pixels: uint8 [N, C, H, W].
    :raises UsageError: the file cannot be written.
    """
    count, channels, height, width = pixels.shape
    size = settings.image_size
    shape = (count, settings.channels or channels, size or height, size or width)
    if shape == tuple(pixels.shape) or math.prod(shape) <= settings.stream_above * 1e9:
        return resize_images(pixels, settings)
    content = hashlib.sha256(pixels.contiguous().numpy().tobytes()).hexdigest()
    key = {"version": VERSION, "content": content, "from": list(pixels.shape), "to": list(shape), "fit": settings.fit}
    target = get_cache_folder() / "resized" / f"{hash_json(key)}.npy"
    with hold_cache_file(target):
        if not is_whole(target):
            draft = Draft(target)
            _fill(draft, pixels, shape, settings)
            publish(draft, target)
    return StreamedPixels.open(target)


def _fill(draft: Draft, pixels: Tensor, shape: tuple[int, ...], settings: DatasetSettings) -> None:
    done, _ = draft.begin(shape)
    progress, noted = log_progress(), time.monotonic()
    for first in range(done, len(pixels), CHUNK):
        part = resize_images(pixels[first : first + CHUNK], settings)
        last = first + len(part)
        torch.from_numpy(draft.map_array()[first:last]).copy_(part)
        progress("resizing images", last, len(pixels))
        if time.monotonic() - noted >= NOTE_EVERY:
            draft.note(last, [])
            noted = time.monotonic()
