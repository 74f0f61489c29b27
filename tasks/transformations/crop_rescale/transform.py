"""Crop a random square and make it as large as the image was (Guo et al. 2018, arXiv 1711.00117, section 4.1)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tasks.transformations.crop_rescale.settings import CropRescaleSettings
from tasks.transformations.draws import Draws


def crop_and_rescale(pixels: Tensor, settings: CropRescaleSettings, draws: Draws) -> Tensor:
    """Float [N, C, H, W] as the pixels, bilinear; each image has a place of its own."""
    room = 1 - settings.share
    centre = (2 * draws.draw_uniform(2) - 1) * room  # in the units of grid_sample, from -1 to 1
    theta = torch.zeros(len(pixels), 2, 3, device=pixels.device, dtype=pixels.dtype)
    theta[:, 0, 0] = theta[:, 1, 1] = settings.share
    theta[:, :, 2] = centre.to(pixels.dtype)
    grid = F.affine_grid(theta, list(pixels.shape), align_corners=False)
    return F.grid_sample(pixels, grid, mode="bilinear", padding_mode="border", align_corners=False)
