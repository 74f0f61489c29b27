"""Bit depth: the nearest of evenly spaced shades."""

from __future__ import annotations

import torch

from tasks.transformations.bit_depth.settings import BitDepthSettings
from tasks.transformations.bit_depth.transform import reduce_bit_depth
from tests.support.drawn import make_draws


def test_values_become_the_nearest_shade() -> None:
    pixels = torch.tensor([0.0, 0.1, 0.17, 0.5, 0.7, 0.9, 1.0]).view(1, 1, 1, 7)
    found = reduce_bit_depth(pixels, BitDepthSettings(bits=2), make_draws(pixels)).flatten()
    torch.testing.assert_close(found * 3, torch.tensor([0.0, 0.0, 1.0, 2.0, 2.0, 3.0, 3.0]))
    full = torch.arange(256).view(1, 1, 16, 16) / 255
    torch.testing.assert_close(reduce_bit_depth(full, BitDepthSettings(bits=8), make_draws(full)), full)
