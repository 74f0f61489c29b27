"""Cropping and rescaling: each image its own place, the same square stretched."""

from __future__ import annotations

import torch

from tasks.transformations.crop_rescale.settings import CropRescaleSettings
from tasks.transformations.crop_rescale.transform import crop_and_rescale
from tests.support.drawn import drawn_images, make_draws


def test_the_whole_image_is_left_as_it_is() -> None:
    pixels = drawn_images()
    found = crop_and_rescale(pixels, CropRescaleSettings(share=1.0), make_draws(pixels))
    torch.testing.assert_close(found, pixels)


def test_a_part_is_stretched_from_a_place_of_its_own() -> None:
    ramp = torch.linspace(0, 1, 64).expand(40, 1, 64, 64).contiguous() + torch.arange(40).view(-1, 1, 1, 1) * 1e-6
    found = crop_and_rescale(ramp, CropRescaleSettings(share=0.5), make_draws(ramp))
    slopes = (found[..., -2] - found[..., 1])[:, 0, 0] / (61 / 63)
    torch.testing.assert_close(slopes, torch.full((40,), 0.5), rtol=0.03, atol=0)
    starts = found[:, 0, 0, 0]
    assert starts.min() < 0.1
    assert starts.max() > 0.4
    assert found.min() >= 0


def test_a_gradient_passes() -> None:
    pixels = drawn_images().requires_grad_(True)
    crop_and_rescale(pixels, CropRescaleSettings(), make_draws(pixels)).sum().backward()
    assert pixels.grad is not None
    assert pixels.grad.abs().sum() > 0
