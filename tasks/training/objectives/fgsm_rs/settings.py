"""What a search space says about fast adversarial training."""

from __future__ import annotations

from typing import Literal

from tasks.attacks.base import MethodSettings
from tasks.attacks.gradient.settings import FgsmSettings
from tasks.settings import Number, keyed
from tasks.training.objectives.base import STEP_PASSES, ObjectiveSettings
from tasks.training.objectives.standard.settings import make_standard


class FgsmRsSettings(ObjectiveSettings):
    """Adversarial training on one step from a random start, projected into the budget, in the Linf norm.

    Wong et al. 2020 (arXiv 2001.03994), algorithm 3. The step is taken with the model in training mode, as theirs.
    """

    build = "tasks.training.objectives.fgsm_rs.objective:build_fgsm_rs"

    name: Literal["fgsm_rs"] = keyed("fgsm_rs")
    eps: Number = keyed(ge=0, le=1)
    """Budget in pixels of [0, 1]."""
    step_size: Number | None = keyed(None, gt=0)
    """null: 1.25 eps."""

    @property
    def training_attack(self) -> MethodSettings | None:
        return FgsmSettings(eps=self.eps)

    @property
    def expected_passes(self) -> float:
        return 2 * STEP_PASSES

    def simplify(self) -> ObjectiveSettings:
        """Standard training where there is no budget; the step size written out."""
        size = 1.25 * self.eps if self.step_size is None else self.step_size
        return self.model_copy(update={"step_size": size}) if self.eps else make_standard(self)
