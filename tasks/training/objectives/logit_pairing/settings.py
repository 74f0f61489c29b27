"""What a search space says about adversarial logit pairing."""

from __future__ import annotations

from typing import Literal

from tasks.settings import Number, keyed
from tasks.training.objectives.base import STEP_PASSES, ExampleSettings, ObjectiveSettings
from tasks.training.objectives.standard.settings import make_standard


class LogitPairingSettings(ExampleSettings):
    """(1 - lambda) L_clean + lambda L_adv + `pairing` times the mean squared distance of the logits of both.

    Kannan et al. 2018 (arXiv 1803.06373): adversarial logit pairing. Engstrom et al. 2018 (arXiv
    1807.10272) have broken it as published, by attacks of more steps.
    """

    build = "tasks.training.objectives.logit_pairing.objective:build_logit_pairing"

    name: Literal["logit_pairing"] = keyed("logit_pairing")
    weight: Number = keyed(0.5, alias="lambda", ge=0, le=1)
    """Share of the adversarial loss; one half in the paper."""
    pairing: Number = keyed(0.5, ge=0)
    """Weight of the squared L2 distance of the logits, averaged over the images."""

    @property
    def adversarial_share(self) -> float | None:
        return self.weight

    @property
    def expected_passes(self) -> float:
        return self.attack.expected_passes + 2 * STEP_PASSES

    def simplify(self) -> ObjectiveSettings:
        """Standard training where the examples are the images themselves, or do not count."""
        return self if self.attack.eps != 0 and (self.weight or self.pairing) else make_standard(self)
