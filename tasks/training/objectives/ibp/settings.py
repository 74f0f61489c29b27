"""What a search space says about training on interval bounds."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator
from typing_extensions import Self

from tasks.settings import Number, keyed
from tasks.settings_rules import refuse
from tasks.training.objectives.base import STEP_PASSES, ObjectiveSettings
from tasks.training.objectives.standard.settings import make_standard


class IbpSettings(ObjectiveSettings):
    """kappa L(f(x), y) + (1 - kappa) L(z, y): z are the worst logits that interval bounds allow within eps (Linf).

    Gowal et al. 2018 (arXiv 1810.12715). eps rises in a straight line from 0, and kappa falls from 1 to `kappa`,
    between `ramp_start` and `ramp_end` of the steps. For networks that the certificate `interval_bounds` knows; batch
    norm takes its statistics from the images themselves.
    """

    build = "tasks.training.objectives.ibp.objective:build_ibp"
    check_network = "tasks.certificates.interval_bounds.check:check_layers"

    name: Literal["ibp"] = keyed("ibp")
    eps: Number = keyed(ge=0, le=1)
    """Half the side of the box in pixels of [0, 1], once it is reached."""
    kappa: Number = keyed(0.5, ge=0, le=1)
    """Share of the loss on clean images at the end."""
    ramp_start: Number = keyed(0.0, ge=0, le=1)
    ramp_end: Number = keyed(0.5, ge=0, le=1)
    """Shares of the steps of the stage."""

    @model_validator(mode="after")
    def _ramp_goes_forward(self) -> Self:
        if self.ramp_end < self.ramp_start:
            refuse("ramp_end lies before ramp_start", "ramp_end", "ramp_start")
        return self

    @property
    def expected_passes(self) -> float:
        return 3 * STEP_PASSES

    @property
    def trained_budget(self) -> float:
        return self.eps

    def find_share(self, progress: float) -> float:
        """How much of the ramp lies behind a share of the steps, in [0, 1]."""
        length = self.ramp_end - self.ramp_start
        return min(max((progress - self.ramp_start) / length, 0.0), 1.0) if length else float(progress >= self.ramp_end)

    def find_point(self, progress: float) -> tuple[float, float]:
        """eps and kappa at a share of the steps."""
        done = self.find_share(progress)
        return done * self.eps, 1 - done * (1 - self.kappa)

    def simplify(self) -> ObjectiveSettings:
        """Standard training where the box is the image."""
        return self if self.eps and self.kappa < 1 else make_standard(self)
