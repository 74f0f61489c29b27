"""What a search space says about SmoothAdv."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator
from typing_extensions import Self

from tasks.attacks.base import MethodSettings
from tasks.attacks.gradient.settings import PgdSettings
from tasks.settings import Count, keyed
from tasks.settings_rules import refuse
from tasks.training.objectives.base import STEP_PASSES, ExampleSettings, ObjectiveSettings, check_divergent
from tasks.transformations.noise.settings import NoiseLevel


class SmoothAdvSettings(ExampleSettings):
    """SmoothAdv: cross-entropy under noise at the point of a ball where the mean probability of the label is least.

    Salman et al. 2019 (arXiv 1906.04584): the attack follows -log of the mean of the softmax over `samples` draws of
    noise, and the loss is taken on the example under these same draws.
    """

    build = "tasks.training.objectives.smooth_adv.objective:build_smooth_adv"

    name: Literal["smooth_adv"] = keyed("smooth_adv")
    sigma: NoiseLevel = keyed(0.25, gt=0)
    """Standard deviation of the noise in pixels of [0, 1], at most 4; that of the smoothing."""
    samples: Count = keyed(2, ge=1, le=1000)
    """Draws of noise for each image."""

    @model_validator(mode="after")
    def _attack_walks_the_loop(self) -> Self:
        check_divergent(self.attack, self.name)
        if isinstance(self.attack, PgdSettings) and self.attack.restarts > 1:
            refuse("smooth_adv makes an example in one run: leave `restarts` at 1", "attack.restarts")
        return self

    @property
    def training_attack(self) -> MethodSettings | None:
        return self.attack

    @property
    def expected_passes(self) -> float:
        return self.samples * (self.attack.expected_passes + STEP_PASSES)

    def simplify(self) -> ObjectiveSettings:
        """As it is: without a budget it is noise alone, with several draws."""
        return self
