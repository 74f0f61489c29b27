"""Random changes of whole batches of uint8 images; one draw per image, on the device of the images."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from tasks.data.settings import AugmentSettings
from tasks.transfer import send


def augment_images(pixels: Tensor, settings: AugmentSettings, draw: torch.Generator) -> Tensor:
    """uint8 [N, C, H, W] -> the same shape, cropped and flipped as the settings say.

    :param draw: on the CPU, so that the same changes are drawn on every device.
    """
    if settings.resized_crop:
        pixels = _crop_and_resize(pixels, settings.resized_crop, draw)
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


def _crop_and_resize(pixels: Tensor, least: float, draw: torch.Generator) -> Tensor:
    """A window of each image, brought to its size by bilinear interpolation; one that would be too long is cut."""
    count = len(pixels)
    share, turn, down, right = torch.rand(4, count, generator=draw)
    area = least + (1 - least) * share
    ratio = torch.exp((2 * turn - 1) * math.log(4 / 3))
    height, width = (area / ratio).sqrt().clamp(max=1), (area * ratio).sqrt().clamp(max=1)
    transform = torch.zeros(count, 2, 3)
    transform[:, 0, 0], transform[:, 1, 1] = width, height
    transform[:, 0, 2], transform[:, 1, 2] = (1 - width) * (2 * right - 1), (1 - height) * (2 * down - 1)
    grid = F.affine_grid(send(transform, pixels.device), list(pixels.shape), align_corners=False)
    out = F.grid_sample(pixels.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)
    return out.round().clamp(0, 255).byte()
