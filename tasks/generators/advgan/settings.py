"""What a search space says about AdvGAN's generator."""

from __future__ import annotations

from typing import Literal

from typing_extensions import Self

from tasks.generators.base import GeneratorSettings
from tasks.settings import Count, Number, keyed


class AdvGanGeneratorSettings(GeneratorSettings):
    """A network that is trained against one model, with a discriminator that tells its images from real ones.

    It minimises `adversarial_weight` times the margin of the label, as far as this is above `-confidence`, and the loss
    of the discriminator. The ball takes the place of the paper's hinge on the size of a perturbation.
    """

    build = "tasks.generators.advgan.network:AdvGan"
    output = "perturbations"
    needs_target = True
    passes = 12.0
    architecture = ("width",)
    paper = "Xiao et al. 2018, arXiv 1801.02610"

    name: Literal["advgan"] = keyed("advgan")
    eps: Number | None = keyed(None, gt=0, le=1)
    """Linf budget in training, in pixels of [0, 1]; null: that of the attack. A number lets attacks of several budgets
    share one generator, whose perturbations are scaled to each."""
    epochs: Count = keyed(30, ge=1, le=100_000)
    batch_size: Count = keyed(64, ge=1, le=100_000)
    width: Count = keyed(16, ge=1, le=1024)
    """Filters of the first layer."""
    lr: Number = keyed(2e-3, gt=0)
    """Of Adam, for both networks; it falls to zero along a half cosine."""
    adversarial_weight: Number = keyed(10.0, gt=0)
    confidence: Number = keyed(2.0, ge=0)
    """By how much the logit of another class is to lead."""

    def for_budget(self, eps: float | None) -> Self:
        return self if self.eps is not None or self.weights else self.model_copy(update={"eps": eps})
