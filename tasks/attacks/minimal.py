"""Settings of the attacks that look for the smallest perturbation; a budget only decides who counts as fooled.

This module imports nothing heavy, so that a plan can be made without torch.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from tasks.attacks.methods import MinimalSettings, TargetedMinimalSettings
from tasks.settings import Count, Number, added, keyed

TYPICAL_PAIRS, TYPICAL_VALUES = 20, 20
"""What JSMA changes as a rule, targeted and untargeted, for estimates of time."""
TYPICAL_STEPS = 4
"""What DeepFool walks as a rule."""


def _not_zero(value: float) -> float:
    if value == 0:
        raise PydanticCustomError("zero", "must not be 0")
    return value


class JsmaSettings(TargetedMinimalSettings):
    """Few values, each changed all the way: the Jacobian saliency map attack.

    Targeted: pairs of values by the saliency map of Papernot et al. 2016 (arXiv 1511.07528), each raised by `theta`.
    Untargeted: the values that lower the margin of the label most, each set to the bound that lowers it.
    """

    craft = "tasks.attacks.jsma:jsma"
    name: Literal["jsma"] = keyed("jsma")
    norm: Literal["l0"] = keyed("l0")
    theta: Annotated[Number, AfterValidator(_not_zero)] = keyed(1.0, ge=-1, le=1)
    """Targeted only: what a chosen value is changed by; 1: to white at once."""
    gamma: Number = keyed(0.1, gt=0, le=1)
    """The largest share of an image's values that may be changed."""
    values_per_step: Count = keyed(2, ge=1, le=1000)
    """Untargeted only: how many values a step changes; the targeted form changes pairs."""

    @property
    def label_steps(self) -> int:
        """There is no number of steps: an image is changed until the model is fooled or gamma is used up."""
        return 0 if self.eps == 0 else 1

    @property
    def passes(self) -> float:
        """For as many steps as images of a few thousand values take as a rule; two backward passes if targeted."""
        return (
            5.0 * TYPICAL_PAIRS if self.targeted else 3.0 * TYPICAL_VALUES / self.values_per_step
        ) * self.label_steps


class ConstantSettings(TargetedMinimalSettings):
    """Base of the attacks that weigh the size of the perturbation against being fooled, by a constant they look for."""

    steps: Count = keyed(1000, ge=1, le=100_000)
    """For each constant."""
    binary_search_steps: Count = keyed(9, ge=1, le=100)
    """Constants tried."""
    step_size: Number = keyed(0.01, gt=0)
    confidence: Number = keyed(0.0, ge=0)
    """By how much the logit of the wrong class must lead."""
    initial_const: Number = keyed(1e-3, gt=0)
    abort_early: bool = added(False)
    """Whether an image is done with a constant when a tenth of the steps brought neither a lower loss nor a smaller
    success: faster, and perturbations a little larger."""

    @property
    def passes(self) -> float:
        return super().passes * self.binary_search_steps


class CarliniWagnerSettings(ConstantSettings):
    """Carlini-Wagner L2 (Carlini and Wagner 2017, arXiv 1608.04644)."""

    craft = "tasks.attacks.carlini_wagner:carlini_wagner"
    name: Literal["carlini_wagner"] = keyed("carlini_wagner")
    norm: Literal["l2"] = keyed("l2")


class DeepFoolSettings(MinimalSettings):
    """DeepFool (Moosavi-Dezfooli et al. 2016, arXiv 1511.04599)."""

    craft = "tasks.attacks.deepfool:deepfool"
    revision: ClassVar[int] = 2
    name: Literal["deepfool"] = keyed("deepfool")
    norm: Literal["l2", "linf"] = keyed("l2")
    steps: Count = keyed(50, ge=1, le=10_000)
    candidates: Count = keyed(10, ge=2, le=1000)
    """The likeliest classes that are considered, at most all."""
    overshoot: Number = keyed(0.02, ge=0)

    @property
    def passes(self) -> float:
        """Of a few steps: most images are beyond the boundary then."""
        return min(self.label_steps, TYPICAL_STEPS) * (1 + 2.0 * (self.candidates - 1))


class EadSettings(ConstantSettings):
    """Elastic-net attack, EAD (Chen et al. 2018, arXiv 1709.04114)."""

    craft = "tasks.attacks.ead:ead"
    name: Literal["ead"] = keyed("ead")
    norm: Literal["l1"] = keyed("l1")
    regularization: Number = keyed(0.01, ge=0)
    """Weight of L1 beside L2."""
    decision_rule: Literal["EN", "L1"] = keyed("EN")
    """What the smallest perturbation is the smallest in: the elastic net, or L1 alone."""

    @property
    def passes(self) -> float:
        """Each step asks about the new image, too."""
        return super().passes * 4 / 3


class FabTSettings(MinimalSettings):
    """Targeted Fast Adaptive Boundary attack, one run per target class (Croce and Hein 2020, arXiv 1907.02044)."""

    craft = "tasks.attacks.fab:fab_t"
    name: Literal["fab_t"] = keyed("fab_t")
    norm: Literal["linf", "l2", "l1"] = keyed("linf")
    steps: Count = keyed(100, ge=1, le=10_000)
    targets: Count = keyed(9, ge=1, le=1000)
    """The likeliest classes after the label that are targets, at most all the others."""

    @property
    def passes(self) -> float:
        """Each step asks about the new image, too."""
        return 4.0 * self.label_steps * self.targets


class RaysSettings(MinimalSettings):
    """RayS, the hard-label baseline: it sees the predicted class alone (Chen and Gu 2020, arXiv 2006.12792)."""

    craft = "tasks.attacks.rays:rays"
    name: Literal["rays"] = keyed("rays")
    norm: Literal["linf"] = keyed("linf")
    steps: Count = keyed(1000, ge=1, le=1_000_000)
    """Directions tried; each costs a query, and about ten more where it is better than those before."""

    @property
    def passes(self) -> float:
        return 2.0 * self.label_steps
