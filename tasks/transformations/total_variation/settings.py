"""Settings of total variation minimisation."""

from __future__ import annotations

from typing import Literal

from tasks.settings import Count, Number, keyed
from tasks.transformations.base import TransformationSettings


class TotalVariationSettings(TransformationSettings):
    """The smoothest image that agrees with a random part of the values."""

    transform = "tasks.transformations.total_variation.transform:minimize_variation"
    paper = "Guo et al. 2018, arXiv 1711.00117"
    random = True
    name: Literal["total_variation"] = keyed("total_variation")
    kept: Number = keyed(0.5, gt=0, le=1)
    """Share of the pixels that are kept."""
    weight: Number = keyed(0.03, ge=0)
    """Of the variation beside half the squared distance to what was kept."""
    iterations: Count = keyed(60, ge=1, le=10_000)
