"""Total variation: the least of its sum, whatever is moved."""

from __future__ import annotations

import torch
from torch import Tensor

from tasks.transformations.total_variation.settings import TotalVariationSettings
from tasks.transformations.total_variation.transform import compute_differences, minimize_variation, solve_variation
from tests.support.drawn import drawn_images, make_draws


def measure(image: Tensor, pixels: Tensor, kept: Tensor, weight: float) -> Tensor:
    distance: Tensor = 0.5 * (kept * (image - pixels).square()).sum((1, 2, 3))
    variation: Tensor = compute_differences(image).norm(dim=-1).sum((1, 2, 3))
    return distance + weight * variation


def test_nothing_near_is_smaller() -> None:
    drawn = torch.Generator().manual_seed(3)
    pixels = (drawn_images(3, 1, 8) + 0.1 * torch.randn(3, 1, 8, 8, generator=drawn)).clamp(0.05, 0.95)
    kept = (torch.rand(3, 1, 8, 8, generator=drawn) < 0.6).float()
    found = solve_variation(pixels, kept, 0.1, 1000)
    least = measure(found, pixels, kept, 0.1)
    for scale in (1e-3, 1e-2, 0.1):
        for _ in range(40):
            moved = found + scale * torch.randn(found.shape, generator=drawn)
            assert (measure(moved, pixels, kept, 0.1) >= least - 1e-4).all()
    assert (least < measure(pixels, pixels, kept, 0.1)).all()


def test_everything_kept_without_weight_is_the_image() -> None:
    pixels = drawn_images()
    found = minimize_variation(pixels, TotalVariationSettings(kept=1.0, weight=0.0), make_draws(pixels))
    torch.testing.assert_close(found, pixels, rtol=0, atol=1e-3)


def test_what_is_left_out_is_filled_smoothly() -> None:
    pixels = torch.full((2, 1, 12, 12), 0.5) + torch.arange(2).view(2, 1, 1, 1) * 0.1
    found = minimize_variation(pixels, TotalVariationSettings(kept=0.3, iterations=400), make_draws(pixels))
    torch.testing.assert_close(found, pixels, rtol=0, atol=0.02)
