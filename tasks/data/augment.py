"""Random changes of whole batches of uint8 images; one draw per image, on the device of the images."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tasks.data.settings import AugmentSettings
from tasks.transfer import send


def augment_images(pixels: Tensor, settings: AugmentSettings, draw: torch.Generator) -> Tensor:
    """uint8 [N, C, H, W] -> the same shape, cropped and flipped as the settings say.

    :param draw: on the CPU, so that the same changes are drawn on every device.
    """
    if settings.crop:
        pixels = _crop_images(pixels, settings.crop, draw)
    if settings.flip:
        mirrored = torch.rand(len(pixels), generator=draw) < 0.5
        pixels = torch.where(send(mirrored.view(-1, 1, 1, 1), pixels.device), pixels.flip(3), pixels)
    return pixels


def _crop_images(pixels: Tensor, pad: int, draw: torch.Generator) -> Tensor:
    count, _, height, width = pixels.shape
    top, left = (send(torch.randint(0, 2 * pad + 1, (count,), generator=draw), pixels.device) for _ in range(2))
    windows = F.pad(pixels, (pad,) * 4).unfold(2, height, 1).unfold(3, width, 1)
    return windows[torch.arange(count, device=pixels.device), :, top, left]
