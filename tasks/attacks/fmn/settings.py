"""Settings of FMN."""

from __future__ import annotations

from typing import Literal

from tasks.attacks.base import TargetedMinimalSettings
from tasks.settings import Count, Number, keyed


class FmnSettings(TargetedMinimalSettings):
    """Fast minimum-norm attack, FMN."""

    paper = "Pintor et al. 2021, arXiv 2102.12827"
    craft = "tasks.attacks.fmn.craft:craft_fmn"
    revision = 2
    name: Literal["fmn"] = keyed("fmn")
    norm: Literal["linf", "l2", "l1", "l0"] = keyed("linf")
    steps: Count = keyed(1000, ge=1, le=100_000)
    step_size: Number = keyed(1.0, gt=0)
    """L2 length of the first step in pixels of [0, 1]; the last one is a hundredth of it."""
    gamma: Number = keyed(0.05, gt=0, lt=1)
    """The share by which the ball shrinks after a success and grows after a failure, at first."""
    last_gamma: Number = keyed(0.001, gt=0, lt=1)
    """The same at the end."""
