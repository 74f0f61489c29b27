"""Settings of randomized smoothing."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from tasks.certificates.base import CertificateSettings
from tasks.errors import Problem
from tasks.settings import Count, Number, keyed
from tasks.transformations.noise.settings import NoiseLevel, NoiseSettings
from tasks.transformations.settings import InferenceSettings


class RandomizedSmoothingSettings(CertificateSettings):
    """Certifies g(x), the class that the model says most often of x + N(0, sigma^2): no perturbation of an L2 size
    below sigma * Phi^-1(p) changes it, where p is a lower bound of the probability of that class.

    It holds with probability 1 - alpha for each image. What is certified is g, not the model: attacks of the same
    classifier have `inference: {transformations: [{name: noise, sigma: ...}], answer: vote}`.
    """

    paper = "Cohen et al. 2019, arXiv 1902.02918"
    of_classifier = ("sigma",)
    certify = "tasks.certificates.randomized_smoothing.certify:certify_by_smoothing"

    name: Literal["randomized_smoothing"] = keyed("randomized_smoothing")
    norm: Literal["l2"] = keyed("l2")
    sigma: NoiseLevel | None = keyed(None, gt=0)
    """Standard deviation of the noise in pixels of [0, 1], at most 4; null: that of the noise in `inference`."""
    samples: Count = keyed(100_000, ge=1, le=100_000_000)
    """Noisy images of each image that estimate the probability; with `anytime` the most of them."""
    selection_samples: Count = keyed(100, ge=1, le=1_000_000)
    """Noisy images before these, by which the class is chosen."""
    alpha: Number = keyed(0.001, gt=0, lt=0.5)
    """Probability that the certificate of an image is wrong."""
    sampling: Literal["fixed", "anytime"] = keyed("fixed")
    """anytime: looks at the counts after 50, 100, 200, ... samples, divides alpha among the looks, and stops where it
    is settled whether the class is certified, and whether at `eps`. The radius is then the one of that moment: a lower
    bound like any other, but smaller than many samples would show."""

    @property
    def noise(self) -> float:
        """The standard deviation, once it is known."""
        assert self.sigma is not None, "a trial has taken it from its inference, or was refused"
        return self.sigma

    @property
    def judged_behind(self) -> str | None:
        return InferenceSettings(transformations=(NoiseSettings(sigma=self.noise),), answer="vote").label

    @property
    def expected_passes(self) -> float:
        return float(self.samples + self.selection_samples)

    def bound_wrong_answer(self, margin: NDArray[np.float64], samples: int) -> NDArray[np.float64]:
        """The certificate may be wrong, and the certified class may miss the majority of a few looks; [N]."""
        from scipy.special import bdtr, ndtr

        missed = bdtr(float(samples // 2), samples, ndtr(margin / self.noise))
        return np.asarray(np.minimum(1.0, self.alpha + missed), np.float64)

    def find_inference_problem(self, inference: InferenceSettings | None) -> Problem | None:
        if inference is None:
            text = "is missing: randomized_smoothing needs it, or noise in `inference`"
            return None if self.sigma else Problem("attack.sigma", None, text)
        found = inference.transformations
        if len(found) != 1 or not isinstance(found[0], NoiseSettings) or inference.answer != "vote":
            needed = "`inference: {transformations: [{name: noise, sigma: ...}], answer: vote}`, or none"
            text = f"certifies the vote of a model under noise alone, not {inference.label}: it needs {needed}"
            return Problem("attack.name", self.name, text)
        if self.sigma not in (None, found[0].sigma):
            text = f"is not that of the noise in `inference`, {found[0].sigma:g}"
            return Problem("attack.sigma", self.sigma, text)
        return None

    def find_reach_problem(self, unit: float) -> Problem | None:
        from tasks.certificates.randomized_smoothing.confidence import find_largest_radius

        radius = find_largest_radius(self.noise, self.samples, self.alpha, anytime=self.sampling == "anytime")
        if self.eps * unit < radius:
            return None
        if radius == 0:
            text = f"are too few to certify anything at alpha {self.alpha:g}, even where all of them agree"
            return Problem("attack.samples", self.samples, text)
        text = f"sigma {self.noise:g} and {self.samples} samples certify a radius of {radius:.4g} at most, where all "
        text += "of them agree: take a smaller eps, more samples or a larger sigma"
        return Problem("attack.eps", self.eps, text)

    def adopt_inference(self, inference: InferenceSettings | None) -> Self:
        if inference is None or not isinstance(noise := inference.transformations[0], NoiseSettings):
            return self
        return self.model_copy(update={"sigma": noise.sigma})
