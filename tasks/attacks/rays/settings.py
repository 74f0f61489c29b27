"""Settings of RayS."""

from __future__ import annotations

from typing import Literal

from tasks.attacks.base import MinimalSettings
from tasks.settings import Count, keyed


class RaysSettings(MinimalSettings):
    """RayS, the hard-label baseline: it sees the predicted class alone."""

    paper = "Chen and Gu 2020, arXiv 2006.12792"
    craft = "tasks.attacks.rays.craft:craft_rays"
    access = "label"
    name: Literal["rays"] = keyed("rays")
    norm: Literal["linf"] = keyed("linf")
    steps: Count = keyed(1000, ge=1, le=1_000_000)
    """Directions tried; each costs a query, and about ten more where it is better than those before."""

    @property
    def expected_passes(self) -> float:
        return 2.0 * self.reported_steps
