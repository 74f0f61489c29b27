"""Settings of PDPGD."""

from __future__ import annotations

from typing import Literal

from tasks.attacks.base import TargetedMinimalSettings
from tasks.settings import Count, Number, keyed


class PdpgdSettings(TargetedMinimalSettings):
    """Primal-dual proximal gradient descent, PDPGD."""

    paper = "Matyasko and Chau 2021, arXiv 2106.01538"
    craft = "tasks.attacks.pdpgd.craft:craft_pdpgd"
    name: Literal["pdpgd"] = keyed("pdpgd")
    norm: Literal["linf", "l2", "l1"] = keyed("l1")
    steps: Count = keyed(1000, ge=2, le=100_000)
    step_size: Number = keyed(0.1, gt=0)
    """Of Adam on the perturbation, in pixels of [0, 1]; it falls to a hundredth."""
    dual_step_size: Number = keyed(0.1, gt=0)
    """Of the weight of success beside size; it falls to a tenth."""
    initial_ratio: Number = keyed(0.01, gt=0)
    """The weight of size over that of success at the start."""
    proximal_steps: Count = keyed(5, ge=1, le=100)
    """Inner steps of each proximal step."""
