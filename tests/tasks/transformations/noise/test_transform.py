"""Noise: of the deviation that is asked for, of each image its own."""

from __future__ import annotations

import torch

from tasks.transformations.noise.settings import NoiseSettings
from tasks.transformations.noise.transform import add_noise
from tests.support.drawn import drawn_images, make_draws


def test_noise_has_the_deviation_that_is_asked_for() -> None:
    pixels = drawn_images(8, 3, 32)
    noise = add_noise(pixels, NoiseSettings(sigma=0.25), make_draws(pixels)) - pixels
    assert abs(float(noise.std()) - 0.25) < 0.01
    assert abs(float(noise.mean())) < 0.01
    assert not torch.equal(noise[0], noise[1])
