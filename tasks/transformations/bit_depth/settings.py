"""Settings of the reduction of bit depth."""

from __future__ import annotations

from typing import Literal

from tasks.settings import Count, keyed
from tasks.transformations.base import TransformationSettings


class BitDepthSettings(TransformationSettings):
    """Values rounded to a few shades."""

    transform = "tasks.transformations.bit_depth.transform:reduce_bit_depth"
    paper = "Xu et al. 2018, arXiv 1704.01155"
    name: Literal["bit_depth"] = keyed("bit_depth")
    bits: Count = keyed(3, ge=1, le=8)
    """2 to the power of so many shades."""
