"""Rebuild images from a random part of their pixels, as smooth as these allow (Guo et al. 2018, arXiv 1711.00117,
section 4.2)."""

from __future__ import annotations

import torch
from torch import Tensor

from tasks.transformations.draws import Draws
from tasks.transformations.total_variation.settings import TotalVariationSettings

STEP = 8**-0.5
"""Of the primal and of the dual variable: their product times the squared norm of the gradient, 8, is at most 1."""


def minimize_variation(pixels: Tensor, settings: TotalVariationSettings, draws: Draws) -> Tensor:
    """Float [N, C, H, W] as the pixels."""
    height, width = pixels.shape[-2:]
    kept = (draws.draw_uniform(height * width) < settings.kept).view(-1, 1, height, width).to(pixels)
    return solve_variation(pixels, kept, settings.weight, settings.iterations)


def solve_variation(pixels: Tensor, kept: Tensor, weight: float, iterations: int) -> Tensor:
    """What is smallest in `sum(kept * (image - pixels)^2) / 2 + weight * variation(image)`, nearly; [N, C, H, W].

    By the primal-dual steps of Chambolle and Pock 2011 (A first-order primal-dual algorithm, algorithm 1).

    :param pixels: float [N, C, H, W].
    :param kept: 1 where a pixel counts, else 0; float [N, 1, H, W].
    """
    image, ahead = pixels * kept, pixels * kept
    dual = torch.zeros(*pixels.shape, 2, device=pixels.device, dtype=pixels.dtype)
    for _ in range(iterations):
        dual = dual + STEP * compute_differences(ahead)
        length = dual.norm(dim=-1, keepdim=True)
        dual = dual * (weight / length.clamp_min(1e-12)).clamp_max(1)
        before = image
        image = (image - STEP * _transpose_differences(dual) + STEP * kept * pixels) / (1 + STEP * kept)
        ahead = 2 * image - before
    return image.clamp(0, 1)


def compute_differences(image: Tensor) -> Tensor:
    """To the pixel below and to the right, zero at the edge; float [N, C, H, W, 2].

    :param image: float [N, C, H, W].
    """
    down, right = torch.zeros_like(image), torch.zeros_like(image)
    down[:, :, :-1] = image[:, :, 1:] - image[:, :, :-1]
    right[..., :-1] = image[..., 1:] - image[..., :-1]
    return torch.stack([down, right], -1)


def _transpose_differences(dual: Tensor) -> Tensor:
    """What the transpose of `compute_differences` makes of [N, C, H, W, 2]."""
    down, right = dual[..., 0], dual[..., 1]
    out = torch.zeros_like(down)
    out[:, :, :-1] -= down[:, :, :-1]
    out[:, :, 1:] += down[:, :, :-1]
    out[..., :-1] -= right[..., :-1]
    out[..., 1:] += right[..., :-1]
    return out
