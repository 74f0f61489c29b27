"""Settings of sigma-zero."""

from __future__ import annotations

from typing import Literal

from tasks.attacks.base import MinimalSettings
from tasks.settings import Count, Number, keyed


class SigmaZeroSettings(MinimalSettings):
    """Sigma-zero: the fewest changed values."""

    paper = "Cina et al. 2025, arXiv 2402.01879"
    craft = "tasks.attacks.sigma_zero.craft:craft_sigma_zero"
    revision = 3
    name: Literal["sigma_zero"] = keyed("sigma_zero")
    norm: Literal["l0"] = keyed("l0")
    steps: Count = keyed(1000, ge=1, le=100_000)
    step_size: Number = keyed(1.0, gt=0)
    """Of Adam, in pixels of [0, 1]; it falls to a tenth."""
    smoothing: Number = keyed(1e-3, gt=0)
    """sigma of the paper: squared changes far above it count as one, far below as none."""
    threshold: Number = keyed(0.3, ge=0, le=1)
    """tau of the paper: changes below it are undone; it rises after a success and falls after a failure."""
    threshold_rate: Number = keyed(0.01, ge=0)
    """By how much, as a share of the step size."""
    search_share: Number = keyed(0.4, ge=0, lt=1)
    """The share of the steps, the last ones, that exchange single values; 0: none, as in the paper."""
