"""What a search space says about Jacobian regularisation."""

from __future__ import annotations

from typing import Literal

from tasks.settings import Count, Number, keyed
from tasks.training.objectives.base import STEP_PASSES, ObjectiveSettings
from tasks.training.objectives.standard.settings import make_standard


class JacobianSettings(ObjectiveSettings):
    """Cross-entropy and `weight` times a penalty on the Jacobian J of the logits by the pixels.

    `norm`: the Frobenius norm of the Jacobians of the whole batch, Jakubovitz and Giryes 2018 (arXiv 1803.08680);
    `squared`: half the mean over the images of its square, Hoffman et al. 2019 (arXiv 1908.02729).
    """

    build = "tasks.training.objectives.jacobian.objective:build_jacobian"

    name: Literal["jacobian"] = keyed("jacobian")
    weight: Number = keyed(0.01, ge=0)
    """Of the penalty, for gradients by pixels of [0, 1]."""
    penalty: Literal["norm", "squared"] = keyed("norm")
    projections: Count | None = keyed(None, ge=1, le=1000)
    """Estimate the squared norm by so many random directions of the logits (Hoffman et al., algorithm 1), a backward
    pass each; null: exact, with a backward pass for each class."""

    @property
    def expected_passes(self) -> float:
        return STEP_PASSES * (1 + 2 * (self.projections or 10))  # the number of classes is not known here

    def simplify(self) -> ObjectiveSettings:
        """Standard training where the penalty does not count."""
        return self if self.weight else make_standard(self)
