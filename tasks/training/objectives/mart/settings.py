"""What a search space says about MART."""

from __future__ import annotations

from typing import Literal

from tasks.settings import Number, keyed
from tasks.training.objectives.base import STEP_PASSES, ExampleSettings


class MartSettings(ExampleSettings):
    """MART: BCE(f(x'), y) + beta KL(f(x) || f(x')) (1 - f(x)_y), BCE with a margin to the best wrong class.

    Wang et al. 2020, "Improving adversarial robustness requires revisiting misclassified examples" (ICLR).
    """

    build = "tasks.training.objectives.mart.objective:build_mart"

    name: Literal["mart"] = keyed("mart")
    beta: Number = keyed(5.0, ge=0)
    """Weight of the divergence; lambda in the paper."""

    @property
    def expected_passes(self) -> float:
        return self.attack.expected_passes + 2 * STEP_PASSES
