"""What a search space says about free adversarial training."""

from __future__ import annotations

from typing import Literal

from tasks.attacks.base import MethodSettings
from tasks.attacks.gradient.settings import FgsmSettings
from tasks.settings import Count, Number, keyed
from tasks.training.objectives.base import STEP_PASSES, ObjectiveSettings


class FreeSettings(ObjectiveSettings):
    """Adversarial training whose perturbation moves on with each backward pass of the training itself (Linf).

    Shafahi et al. 2019 (arXiv 1904.12843), algorithm 1. A perturbation is carried from batch to batch; here each epoch
    begins with none, so that a stage that is continued is the same.
    """

    build = "tasks.training.objectives.free.objective:build_free"
    remembers_steps = True

    name: Literal["free"] = keyed("free")
    eps: Number = keyed(ge=0, le=1)
    """Budget in pixels of [0, 1], and the size of the perturbation's steps."""
    replays: Count = keyed(8, ge=1, le=1000)
    """Steps on each batch: an epoch costs as much as so many epochs of standard training."""

    @property
    def training_attack(self) -> MethodSettings | None:
        return FgsmSettings(eps=self.eps)

    @property
    def steps_per_batch(self) -> int:
        return self.replays

    @property
    def expected_passes(self) -> float:
        return STEP_PASSES * self.replays
