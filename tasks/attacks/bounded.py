"""Settings of the attacks that work within a budget.

This module imports nothing heavy, so that a plan can be made without torch.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from typing_extensions import Self

from tasks.attacks.methods import MethodSettings, TargetedSettings
from tasks.settings import Count, Number, keyed

GRADIENT = "tasks.attacks.gradient:pgd"


class FgsmSettings(TargetedSettings):
    """One step of the size of the budget (Goodfellow et al. 2015, arXiv 1412.6572)."""

    craft = "tasks.attacks.gradient:fgsm"
    iterates: ClassVar[bool] = True
    name: Literal["fgsm"] = keyed("fgsm")
    norm: Literal["linf", "l2"] = keyed("linf")
    eps: Number = keyed(ge=0)


class IterativeSettings(TargetedSettings):
    """Base of the attacks that walk the one loop for a number of steps."""

    craft = GRADIENT
    iterates: ClassVar[bool] = True
    shares_steps: ClassVar[bool] = True
    eps: Number = keyed(ge=0)
    steps: Count = keyed(10, ge=1, le=10_000)
    step_size: Number | None = keyed(None, gt=0)
    """In the unit of eps; null: a quarter of the budget, whatever the number of steps."""


class IfgsmSettings(IterativeSettings):
    """Iterated FGSM, also known as BIM, from the image itself (Kurakin et al. 2017, arXiv 1607.02533)."""

    name: Literal["ifgsm"] = keyed("ifgsm")
    norm: Literal["linf", "l2"] = keyed("linf")


class MifgsmSettings(IterativeSettings):
    """I-FGSM with momentum, MI-FGSM (Dong et al. 2018, arXiv 1710.06081)."""

    name: Literal["mifgsm"] = keyed("mifgsm")
    norm: Literal["linf", "l2"] = keyed("linf")
    decay: Number = keyed(1.0, ge=0)
    """Share of the accumulated gradient that a step keeps; each new gradient is divided by its mean magnitude."""


class RestartedSettings(IterativeSettings):
    """The loop from random points of the ball."""

    random_start: bool = keyed(True)
    restarts: Count = keyed(1, ge=1, le=1000)
    """Independent runs; an image is robust only if it withstands every one."""

    @property
    def passes(self) -> float:
        return super().passes * self.restarts

    def normalized(self) -> Self:
        """Without random starts every restart is the same run."""
        found = super().normalized()
        return found if found.random_start else found.model_copy(update={"restarts": 1})


class PgdSettings(RestartedSettings):
    """Projected gradient descent from random starts (Madry et al. 2018, arXiv 1706.06083)."""

    name: Literal["pgd"] = keyed("pgd")
    norm: Literal["linf", "l2"] = keyed("linf")


class SparseL1Settings(RestartedSettings):
    """Sparse L1 descent: steps along the steepest values alone (Tramer and Boneh 2019, arXiv 1904.13000)."""

    name: Literal["sparse_l1"] = keyed("sparse_l1")
    norm: Literal["l1"] = keyed("l1")
    steps: Count = keyed(50, ge=1, le=10_000)
    random_start: bool = keyed(False)
    quantile: Number = keyed(0.99, ge=0, lt=1)
    """A step moves the values whose gradient is at least this quantile of the image's gradients in magnitude."""


class UniformSettings(MethodSettings):
    """Noise drawn uniformly from the ball: what an attack without any knowledge reaches."""

    craft = "tasks.attacks.noise:uniform"
    name: Literal["uniform"] = keyed("uniform")
    norm: Literal["linf", "l2", "l1"] = keyed("linf")
    eps: Number = keyed(ge=0)
    draws: Count = keyed(1, ge=1, le=100_000)
    """An image is robust only if it withstands every draw."""

    @property
    def passes(self) -> float:
        return float(self.draws) if self.eps else 0.0


class ApgdSettings(MethodSettings):
    """Base of the two forms of Auto-PGD (Croce and Hein 2020, arXiv 2003.01690)."""

    norm: Literal["linf", "l2"] = keyed("linf")
    eps: Number = keyed(ge=0)
    steps: Count = keyed(100, ge=1, le=10_000)
    restarts: Count = keyed(1, ge=1, le=1000)

    @property
    def passes(self) -> float:
        return super().passes * self.restarts


class ApgdCeSettings(ApgdSettings):
    """Auto-PGD on the cross-entropy."""

    craft = "tasks.attacks.apgd:apgd_ce"
    name: Literal["apgd_ce"] = keyed("apgd_ce")


class ApgdTSettings(ApgdSettings):
    """Auto-PGD on the targeted difference of logits ratio, one run per target class."""

    craft = "tasks.attacks.apgd:apgd_t"
    name: Literal["apgd_t"] = keyed("apgd_t")
    targets: Count = keyed(9, ge=1, le=1000)
    """The likeliest classes after the label that are targets, at most all the others."""

    @property
    def passes(self) -> float:
        return super().passes * self.targets


class SquareSettings(MethodSettings):
    """Square Attack: random search with logits alone (Andriushchenko et al. 2020, arXiv 1912.00049)."""

    craft = "tasks.attacks.square:square"
    name: Literal["square"] = keyed("square")
    norm: Literal["linf", "l2"] = keyed("linf")
    eps: Number = keyed(ge=0)
    steps: Count = keyed(5000, ge=1, le=1_000_000)
    """Queries of the model per image."""
    initial_share: Number = keyed(0.8, gt=0, le=1)
    """Share of the image that the first squares cover."""

    @property
    def passes(self) -> float:
        return float(self.label_steps)


class AutoAttackSettings(MethodSettings):
    """The standard AutoAttack: APGD-CE, APGD-T, FAB-T and Square, each on the survivors of those before
    (Croce and Hein 2020, arXiv 2003.01690)."""

    craft = "tasks.attacks.autoattack:autoattack"
    name: Literal["autoattack"] = keyed("autoattack")
    norm: Literal["linf", "l2"] = keyed("linf")
    eps: Number = keyed(ge=0)

    @property
    def label_steps(self) -> int:
        """The steps of APGD and of FAB."""
        return 100 if self.eps else 0

    @property
    def passes(self) -> float:
        """APGD-CE, nine targets of APGD-T and of FAB-T, which asks once more each step, and the queries of Square."""
        return (1 + 9) * 3.0 * self.label_steps + 9 * 4.0 * self.label_steps + (5000 if self.eps else 0)
