"""Compress images as JPEG and read them back (Dziugaite et al. 2016, arXiv 1608.00853)."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.io import ImageReadMode, decode_jpeg, encode_jpeg

from tasks.errors import StageError
from tasks.transformations.draws import Draws
from tasks.transformations.jpeg.settings import JpegSettings

MODES = {1: ImageReadMode.GRAY, 3: ImageReadMode.RGB}


def compress_jpeg(pixels: Tensor, settings: JpegSettings, draws: Draws) -> Tensor:  # noqa: ARG001
    """Float [N, C, H, W] as the pixels, in steps of 1/255.

    :raises StageError: the images have neither one colour nor three.
    """
    mode = MODES.get(pixels.shape[1])
    if mode is None:
        raise StageError(f"jpeg: images of {pixels.shape[1]} channels; JPEG has 1 or 3")
    stored = (pixels.detach().clamp(0, 1) * 255).round().to("cpu", torch.uint8).contiguous()
    read = [decode_jpeg(encode_jpeg(image, quality=settings.quality), mode=mode) for image in stored]
    return (torch.stack(read).to(pixels) / 255).contiguous(memory_format=torch.channels_last)
