"""Settings of AdvGAN."""

from __future__ import annotations

from typing import Literal

from tasks.attacks.base import MethodSettings
from tasks.generators.advgan.settings import AdvGanGeneratorSettings
from tasks.generators.base import GeneratorSettings
from tasks.generators.registry import NamedGenerator
from tasks.settings import Number, keyed


class AdvGanSettings(MethodSettings):
    """What a generator adds to the image, within the budget; at test time nobody asks the model.

    The generator has never seen the image, so that PGD in the same ball is the stronger attack.
    """

    craft = "tasks.attacks.advgan.craft:craft_advgan"
    paper = "Xiao et al. 2018, arXiv 1801.02610"
    access = "generator"
    iterative = False
    generator_output = "perturbations"
    name: Literal["advgan"] = keyed("advgan")
    norm: Literal["linf"] = keyed("linf")
    eps: Number = keyed(ge=0)
    generator: NamedGenerator = keyed(AdvGanGeneratorSettings())
    """What makes the perturbations: a generator whose output are perturbations."""

    @property
    def required_generator(self) -> GeneratorSettings | None:
        return self.generator.for_budget(self.eps) if self.eps else None

    @property
    def expected_passes(self) -> float:
        return 1.0
