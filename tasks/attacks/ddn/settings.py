"""Settings of DDN."""

from __future__ import annotations

from typing import Literal

from tasks.attacks.base import TargetedMinimalSettings
from tasks.settings import Count, Number, keyed


class DdnSettings(TargetedMinimalSettings):
    """Decoupled direction and norm, DDN."""

    paper = "Rony et al. 2019, arXiv 1811.09600"
    craft = "tasks.attacks.ddn.craft:craft_ddn"
    name: Literal["ddn"] = keyed("ddn")
    norm: Literal["l2"] = keyed("l2")
    steps: Count = keyed(1000, ge=1, le=100_000)
    gamma: Number = keyed(0.05, gt=0, lt=1)
    """The share by which the length shrinks after a success and grows after a failure."""
    initial_size: Number = keyed(1.0, gt=0)
    """The length of the first perturbation, in pixels of [0, 1]."""
