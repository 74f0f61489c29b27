"""Settings of EAD."""

from __future__ import annotations

from typing import Literal

from tasks.attacks.base import ConstantSettings
from tasks.settings import Number, keyed


class EadSettings(ConstantSettings):
    """Elastic-net attack, EAD."""

    paper = "Chen et al. 2018, arXiv 1709.04114"
    craft = "tasks.attacks.ead.craft:craft_ead"
    revision = 2
    name: Literal["ead"] = keyed("ead")
    norm: Literal["l1"] = keyed("l1")
    regularization: Number = keyed(0.01, ge=0)
    """Weight of L1 beside L2."""
    decision_rule: Literal["EN", "L1"] = keyed("EN")
    """What the smallest perturbation is the smallest in: the elastic net, or L1 alone. By L1, an image that fools the
    model moves by thresholding alone, as in ART."""

    @property
    def expected_passes(self) -> float:
        """Each step asks about the new image, too."""
        return super().expected_passes * 4 / 3
