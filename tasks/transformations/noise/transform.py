"""Add Gaussian noise (Liu et al. 2018, arXiv 1712.00673)."""

from __future__ import annotations

from torch import Tensor

from tasks.transformations.draws import Draws
from tasks.transformations.noise.settings import NoiseSettings


def add_noise(pixels: Tensor, settings: NoiseSettings, draws: Draws) -> Tensor:
    """Float [N, C, H, W] as the pixels."""
    return pixels + settings.sigma * draws.draw_normal().to(pixels.dtype)
