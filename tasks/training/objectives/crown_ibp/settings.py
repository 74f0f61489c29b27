"""What a search space says about training on CROWN-IBP bounds."""

from __future__ import annotations

from typing import Literal

from tasks.settings import Number, keyed
from tasks.training.objectives.base import STEP_PASSES
from tasks.training.objectives.ibp.settings import IbpSettings


class CrownIbpTrainingSettings(IbpSettings):
    """As `ibp`, with margins that are at first bounded by CROWN, and less and less so: beta of the linear bound, and
    1 - beta of the interval bound. beta falls from 1 between `ramp_start` and `ramp_end` of the steps.

    Zhang et al. 2020 (arXiv 1906.06316). For the networks that the certificate `crown_ibp` knows.
    """

    build = "tasks.training.objectives.crown_ibp.objective:build_crown_ibp"

    name: Literal["crown_ibp"] = keyed("crown_ibp")  # type: ignore[assignment]
    beta: Number = keyed(0.0, ge=0, le=1)
    """Share of the linear bound at the end."""

    @property
    def expected_passes(self) -> float:
        """With ten classes, and a backward pass through the bounds for each of them until the ramp ends."""
        share = self.ramp_end if self.beta == 0 else 1.0
        return super().expected_passes + share * 10 * STEP_PASSES

    def find_beta(self, progress: float) -> float:
        """beta at a share of the steps."""
        return 1 - self.find_share(progress) * (1 - self.beta)
