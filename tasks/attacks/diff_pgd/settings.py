"""Settings of Diff-PGD, within a ball and without one."""

from __future__ import annotations

from typing import Literal

from typing_extensions import Self

from tasks.attacks.base import MethodSettings
from tasks.generators.base import GeneratorSettings
from tasks.generators.denoiser.settings import DenoiserSettings
from tasks.generators.registry import NamedGenerator
from tasks.settings import Count, Number, keyed

STEP_SHARE = 0.25
"""Default step size as a share of the budget, from four steps on, as in the one loop."""


class DiffusionSettings(MethodSettings):
    """Base of both.

    The image is noised a little and denoised again, and the gradient of the loss is taken through that, so that the
    steps stay near what the denoiser has learnt of the data.
    """

    craft = "tasks.attacks.diff_pgd.craft:craft_diff_pgd"
    paper = "Xue et al. 2023, arXiv 2305.16494"
    access = "generator"
    iterative = None
    generator_output = "noise"

    steps: Count = keyed(20, ge=1, le=10_000)
    generator: NamedGenerator = keyed(DenoiserSettings())
    """What denoises: a generator whose output is noise."""
    noise_time: Number = keyed(0.05, gt=0, le=1)
    """How far into the diffusion an image is noised: 0 leaves it as it is, 1 leaves nothing of it."""
    denoising_steps: Count = keyed(2, ge=1, le=1000)
    """Passes of the denoiser in which the noise is taken away again."""

    @property
    def required_generator(self) -> GeneratorSettings | None:
        return self.generator if self.eps != 0 else None

    @property
    def expected_passes(self) -> float:
        return 3.0 * self.steps * (1 + self.denoising_steps)


class DiffPgdSettings(DiffusionSettings):
    """Gradient steps through a denoiser; what it makes of the image is projected into the ball."""

    name: Literal["diff_pgd"] = keyed("diff_pgd")
    norm: Literal["linf"] = keyed("linf")
    eps: Number = keyed(ge=0)
    step_size: Number | None = keyed(None, gt=0)
    """In the unit of eps; null: eps / steps, at least eps / 4."""

    def resolve_for_evaluation(self) -> Self:
        if self.step_size is not None or not self.eps:
            return self
        return self.model_copy(update={"step_size": max(STEP_SHARE, 1 / self.steps) * self.eps})


class UnrestrictedDiffPgdSettings(DiffusionSettings):
    """The same without a ball: the example is what the denoiser makes of the image after the steps.

    A success counts only where `attack.witness`, a classifier that the attack knows nothing of, sees the label in the
    clean image and still in the example.
    """

    bounded = False
    name: Literal["diff_pgd_unrestricted"] = keyed("diff_pgd_unrestricted")
    norm: Literal["unrestricted"] = keyed("unrestricted")
    eps: Number | None = keyed(None, ge=0)
    """null: there is no budget. 0: the images stay as they are."""
    step_size: Number = keyed(2 / 255, gt=0)
    """Change of every value, in pixels of [0, 1]."""
    noise_time: Number = keyed(0.15, gt=0, le=1)
    """How far into the diffusion an image is noised."""
