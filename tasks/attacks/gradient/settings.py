"""Settings of the attacks of the one loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from typing_extensions import Self

from tasks.attacks.base import TargetedSettings
from tasks.settings import Count, Number, keyed

STEP_SHARE = 0.25
"""Default step size as a share of the budget, from four steps on; the same for all, so that runs can be shared."""
TRAINING_PATH = 2.5
"""How far the steps of a training attack go in all, in budgets (Madry et al. 2018, arXiv 1706.06083)."""


class FgsmSettings(TargetedSettings):
    """One step of the size of the budget."""

    paper = "Goodfellow et al. 2015, arXiv 1412.6572"
    craft = "tasks.attacks.gradient.craft:craft_fgsm"
    iterative = False
    in_gradient_loop = True
    probe: ClassVar[Mapping[str, Any] | None] = {}
    name: Literal["fgsm"] = keyed("fgsm")
    norm: Literal["linf", "l2"] = keyed("linf")
    eps: Number = keyed(ge=0)


class IterativeSettings(TargetedSettings):
    """Base of the attacks that walk the one loop for a number of steps."""

    craft = "tasks.attacks.gradient.craft:craft_pgd"
    in_gradient_loop = True
    shares_steps = True
    eps: Number = keyed(ge=0)
    steps: Count = keyed(10, ge=1, le=10_000)
    step_size: Number | None = keyed(None, gt=0)
    """In the unit of eps; null: in evaluation eps / steps, at least eps / 4; in training 2.5 eps / steps, at most eps:
    the budget that is written can be reached."""

    @property
    def longest_path(self) -> float | None:
        return None if self.step_size is None else self.steps * self.step_size

    def resolve_for_evaluation(self) -> Self:
        return self._write_step_size(max(STEP_SHARE, 1 / self.steps))

    def resolve_for_training(self) -> Self:
        return self._write_step_size(min(1.0, TRAINING_PATH / self.steps))

    def _write_step_size(self, share: float) -> Self:
        """The settings with a step of this share of eps where they name none; null stands for a quarter."""
        if self.step_size is not None or not self.eps or share == STEP_SHARE:
            return self
        return self.model_copy(update={"step_size": share * self.eps})

    def shared(self) -> dict[str, Any]:
        """Cells whose steps are of one size share a run, however the size is written."""
        content, resolved = super().shared(), self.resolve_for_evaluation()
        if self.eps:
            content["step_size"] = STEP_SHARE * self.eps if resolved.step_size is None else resolved.step_size
        return content


class IfgsmSettings(IterativeSettings):
    """Iterated FGSM, also known as BIM, from the image itself."""

    paper = "Kurakin et al. 2017, arXiv 1607.02533"
    name: Literal["ifgsm"] = keyed("ifgsm")
    norm: Literal["linf", "l2"] = keyed("linf")


class MifgsmSettings(IterativeSettings):
    """I-FGSM with momentum, MI-FGSM."""

    paper = "Dong et al. 2018, arXiv 1710.06081"
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
    def expected_passes(self) -> float:
        return super().expected_passes * self.restarts

    def list_idle(self) -> dict[str, str]:
        return {} if self.random_start else {"restarts": "without random_start every restart is the same run"}

    def simplify(self) -> Self:
        """Without random starts every restart is the same run."""
        found = super().simplify()
        return found if found.random_start else found.model_copy(update={"restarts": 1})


class PgdSettings(RestartedSettings):
    """Projected gradient descent from random starts."""

    paper = "Madry et al. 2018, arXiv 1706.06083"
    name: Literal["pgd"] = keyed("pgd")
    norm: Literal["linf", "l2"] = keyed("linf")


class SparseL1Settings(RestartedSettings):
    """Sparse L1 descent: steps along the steepest values alone."""

    paper = "Tramer and Boneh 2019, arXiv 1904.13000"
    name: Literal["sparse_l1"] = keyed("sparse_l1")
    norm: Literal["l1"] = keyed("l1")
    steps: Count = keyed(50, ge=1, le=10_000)
    random_start: bool = keyed(False)
    quantile: Number = keyed(0.99, ge=0, lt=1)
    """A step moves the values whose gradient is at least this quantile of the image's gradients in magnitude."""
