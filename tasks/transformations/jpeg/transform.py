"""Compress images as JPEG and read them back (Dziugaite et al. 2016, arXiv 1608.00853)."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tasks.errors import StageError
from tasks.transformations.draws import Draws
from tasks.transformations.jpeg.settings import JpegSettings

MODES = {1: "L", 3: "RGB"}
"""What Pillow calls images of so many colours."""


def compress_jpeg(pixels: Tensor, settings: JpegSettings, draws: Draws) -> Tensor:  # noqa: ARG001
    """Float [N, C, H, W] as the pixels, in steps of 1/255.

    :raises StageError: the images have neither one colour nor three.
    """
    mode = MODES.get(pixels.shape[1])
    if mode is None:
        raise StageError(f"jpeg: images of {pixels.shape[1]} channels; JPEG has 1 or 3")
    stored = (pixels.detach().clamp(0, 1) * 255).round().to("cpu", torch.uint8).permute(0, 2, 3, 1)
    read = [_compress(image, mode, settings.quality) for image in stored]
    return (torch.stack(read).to(pixels) / 255).contiguous(memory_format=torch.channels_last)


def _compress(image: Tensor, mode: str, quality: int) -> Tensor:
    """uint8 [H, W, C] -> uint8 [C, H, W]."""
    height, width, colours = image.shape
    file = io.BytesIO()
    Image.frombytes(mode, (width, height), image.contiguous().numpy().tobytes()).save(file, "JPEG", quality=quality)
    read = np.array(Image.open(file)).reshape(height, width, colours)
    return torch.from_numpy(read).permute(2, 0, 1)
