"""Round values to a few shades (Xu et al. 2018, arXiv 1704.01155, section III-A)."""

from __future__ import annotations

from torch import Tensor

from tasks.transformations.bit_depth.settings import BitDepthSettings
from tasks.transformations.draws import Draws


def reduce_bit_depth(pixels: Tensor, settings: BitDepthSettings, draws: Draws) -> Tensor:  # noqa: ARG001
    """Float [N, C, H, W] as the pixels, evenly spaced from 0 to 1."""
    largest = float(2**settings.bits - 1)
    return (pixels.clamp(0, 1) * largest).round() / largest
