"""Settings of DeepFool."""

from __future__ import annotations

from typing import Literal

from tasks.attacks.base import MinimalSettings
from tasks.settings import Count, Number, keyed

TYPICAL_STEPS = 4
"""What is walked as a rule, for estimates of time."""


class DeepFoolSettings(MinimalSettings):
    """DeepFool: steps onto the nearest linearised boundary."""

    paper = "Moosavi-Dezfooli et al. 2016, arXiv 1511.04599"
    craft = "tasks.attacks.deepfool.craft:craft_deepfool"
    revision = 2
    name: Literal["deepfool"] = keyed("deepfool")
    norm: Literal["l2", "linf"] = keyed("l2")
    steps: Count = keyed(50, ge=1, le=10_000)
    candidates: Count = keyed(10, ge=2, le=1000)
    """The likeliest classes that are considered, at most all."""
    overshoot: Number = keyed(0.02, ge=0)

    @property
    def expected_passes(self) -> float:
        """Of a few steps: most images are beyond the boundary then."""
        return min(self.reported_steps, TYPICAL_STEPS) * (1 + 2.0 * (self.candidates - 1))
