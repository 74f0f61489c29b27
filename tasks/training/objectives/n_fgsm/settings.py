"""What a search space says about N-FGSM."""

from __future__ import annotations

from typing import Literal

from tasks.attacks.base import MethodSettings
from tasks.attacks.gradient.settings import FgsmSettings
from tasks.settings import Number, keyed
from tasks.training.objectives.base import STEP_PASSES, ObjectiveSettings
from tasks.training.objectives.standard.settings import make_standard


class NFgsmSettings(ObjectiveSettings):
    """Adversarial training on one step from noise that is larger than the budget, without projection (Linf).

    de Jorge et al. 2022 (arXiv 2202.01181), algorithm 1: noise and step add up, so that an example may lie outside of
    the budget; this is what keeps single-step training from catastrophic overfitting. The step is taken with the model
    in training mode, as theirs.
    """

    build = "tasks.training.objectives.n_fgsm.objective:build_n_fgsm"

    name: Literal["n_fgsm"] = keyed("n_fgsm")
    eps: Number = keyed(ge=0, le=1)
    """Budget in pixels of [0, 1], and the size of the step."""
    noise: Number = keyed(2.0, ge=0)
    """The noise is uniform in so many budgets around the image."""

    @property
    def training_attack(self) -> MethodSettings | None:
        return FgsmSettings(eps=self.eps)

    @property
    def expected_passes(self) -> float:
        return 2 * STEP_PASSES

    def simplify(self) -> ObjectiveSettings:
        """Standard training where there is no budget."""
        return self if self.eps else make_standard(self)
