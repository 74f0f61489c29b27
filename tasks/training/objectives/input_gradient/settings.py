"""What a search space says about input gradient regularisation."""

from __future__ import annotations

from typing import Literal

from tasks.settings import Number, keyed
from tasks.training.objectives.base import STEP_PASSES, ObjectiveSettings
from tasks.training.objectives.standard.settings import make_standard


class InputGradientSettings(ObjectiveSettings):
    """Cross-entropy and `weight` times the mean squared L2 norm of its gradient by the pixels of each image.

    Ross and Doshi-Velez 2018 (arXiv 1711.09404), after double backpropagation (Drucker and LeCun 1992).
    """

    build = "tasks.training.objectives.input_gradient.objective:build_input_gradient"

    name: Literal["input_gradient"] = keyed("input_gradient")
    weight: Number = keyed(1.0, ge=0)
    """Of the penalty, for gradients by pixels of [0, 1]."""

    @property
    def expected_passes(self) -> float:
        return 3 * STEP_PASSES

    def simplify(self) -> ObjectiveSettings:
        """Standard training where the penalty does not count."""
        return self if self.weight else make_standard(self)
