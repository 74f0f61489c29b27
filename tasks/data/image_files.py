"""Pixels of one image file, by Pillow.

Of JPEG and PNG files they are the bytes that TorchVision's decoders made, which are announced to be removed, and which
ended the process at some PNG files with damage inside.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor

MOST_PIXELS = 50_000_000
"""Of an image: a photograph of 7000 x 7000, which takes 600 MB while it is made smaller."""
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""What a file may hold, whatever its name: none of these formats makes Pillow start another program."""
BROKEN = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
"""What says that a file is no image that can be decoded; the second is what Pillow says of a PNG chunk."""
LUMA = np.array([9794, 19234, 3740], np.uint32)
"""Weights of red, green and blue in 2^-15: those of libpng (`png_set_rgb_to_gray`), rounded down as there."""


def decode_image(path: Path, channels: int) -> Tensor:
    """The first picture of a file, not turned by what EXIF says of the camera.

    Asked for one channel, JPEG gives its own luma, PNG the luma of its colours, other formats their colours: uint8
    [1, H, W] or [3, H, W]. Of 16 bits a pixel the upper eight are kept, transparency is left out.

    :raises BROKEN: it is no image that can be decoded, or has too many pixels.
    """
    with Image.open(path, formats=FORMATS) as image:  # reads no pixel
        if math.prod(image.size) > MOST_PIXELS:
            width, height = image.size
            raise ValueError(f"{width} x {height} pixels; the most that is read is {MOST_PIXELS:,}")
        pixels = _read_grey(image) if channels == 1 else _read_colours(image)
    return torch.from_numpy(pixels).permute(2, 0, 1).expand(max(channels, pixels.shape[-1]), -1, -1).contiguous()


def describe_broken(error: Exception) -> str:
    """Why a file is no image that can be decoded, without its name."""
    if isinstance(error, UnidentifiedImageError):
        return "of no format that is known"
    if isinstance(error, Image.DecompressionBombError):
        return f"far above the {MOST_PIXELS:,} pixels that are read at most"
    return str(error.strerror or error) if isinstance(error, OSError) else str(error)


def _read_grey(image: Image.Image) -> NDArray[np.uint8]:
    """uint8 [H, W, 1], or [H, W, 3] where the format has no grey of its own."""
    image.draft("L", None)  # the luma of a JPEG file, of which no colour is made
    if image.mode in ("1", "L", "LA") or image.format in ("JPEG", "MPO"):
        return np.array(image.convert("L"))[..., None]
    colours = _read_colours(image)
    if image.format != "PNG" or colours.shape[-1] == 1:
        return colours
    return (colours @ LUMA >> 15).astype(np.uint8)[..., None]


def _read_colours(image: Image.Image) -> NDArray[np.uint8]:
    """uint8 [H, W, 3], or [H, W, 1] of a grey image of 16 bits."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        return (np.array(image) >> 8).astype(np.uint8)[..., None]
    if image.mode in ("I", "F"):
        raise ValueError("its pixels have 32 bits")
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))
