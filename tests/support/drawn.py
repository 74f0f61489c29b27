"""Images, and draws for a transformation of them."""

from __future__ import annotations

import torch
from torch import Tensor

from tasks.transformations.draws import Draws


def drawn_images(count: int = 4, channels: int = 3, side: int = 16) -> Tensor:
    """Smooth images with an edge, float [N, C, side, side] in [0, 1]."""
    generator = torch.Generator().manual_seed(1)
    slope = torch.rand(count, channels, 1, 1, generator=generator) * torch.linspace(0, 1, side)
    edge = (torch.arange(side) > side // 2).float().view(1, 1, side, 1)
    return (0.6 * slope + 0.3 * edge).clamp(0, 1)


def make_draws(pixels: Tensor, purpose: object = "test", training: Tensor | None = None) -> Draws:
    return Draws(pixels, purpose, None if training is None else lambda make: make(training))
