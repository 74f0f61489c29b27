"""What a search space says about training under noise."""

from __future__ import annotations

from typing import Literal

from tasks.settings import keyed
from tasks.training.objectives.base import ObjectiveSettings
from tasks.training.objectives.standard.settings import make_standard
from tasks.transformations.noise.settings import NoiseLevel


class NoiseTrainingSettings(ObjectiveSettings):
    """Cross-entropy on x + N(0, sigma^2): what randomized smoothing needs a model to know.

    Cohen et al. 2019 (arXiv 1902.02918), after Lecuyer et al. 2019 (arXiv 1802.03471). Values may leave [0, 1].
    """

    build = "tasks.training.objectives.noise.objective:build_noise"

    name: Literal["noise"] = keyed("noise")
    sigma: NoiseLevel = keyed(0.25, ge=0)
    """Standard deviation in pixels of [0, 1], at most 4; that of the smoothing."""

    def simplify(self) -> ObjectiveSettings:
        """Standard training where there is no noise."""
        return self if self.sigma else make_standard(self)
