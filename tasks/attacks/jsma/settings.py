"""Settings of JSMA."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError
from typing_extensions import Self

from tasks.attacks.base import TargetedMinimalSettings
from tasks.settings import Count, Number, keyed

TYPICAL_PAIRS, TYPICAL_VALUES = 20, 20
"""What is changed as a rule, targeted and untargeted, for estimates of time."""


def refuse_zero(value: float) -> float:
    if value == 0:
        raise PydanticCustomError("zero", "must not be 0")
    return value


class JsmaSettings(TargetedMinimalSettings):
    """Few values, each changed all the way: the Jacobian saliency map attack.

    Targeted: pairs of values by the saliency map of the paper, each raised by `theta`.
    Untargeted: the values that lower the margin of the label most, each set to the bound that lowers it.
    """

    paper = "Papernot et al. 2016, arXiv 1511.07528"
    craft = "tasks.attacks.jsma.craft:craft_jsma"
    name: Literal["jsma"] = keyed("jsma")
    norm: Literal["l0"] = keyed("l0")
    theta: Annotated[Number, AfterValidator(refuse_zero)] = keyed(1.0, ge=-1, le=1)
    """Targeted only: what a chosen value is changed by; 1: to white at once."""
    gamma: Number = keyed(0.1, gt=0, le=1)
    """The largest share of an image's values that may be changed."""
    values_per_step: Count = keyed(2, ge=1, le=1000)
    """Untargeted only: how many values a step changes; the targeted form changes pairs."""

    def list_idle(self) -> dict[str, str]:
        return dict.fromkeys(self._idle, f"it is about the {'untargeted' if self.targeted else 'targeted'} form")

    def simplify(self) -> Self:
        """Without what only the other form knows."""
        found = super().simplify()
        return found.model_copy(update={name: type(self).model_fields[name].default for name in found._idle})

    @property
    def takes_any_size(self) -> bool:
        return super().takes_any_size and self.gamma == 1

    @property
    def _idle(self) -> tuple[str, ...]:
        """Settings that only the other form knows."""
        return ("values_per_step",) if self.targeted else ("theta",)

    @property
    def reported_steps(self) -> int:
        """There is no number of steps: an image is changed until the model is fooled or gamma is used up."""
        return 0 if self.eps == 0 else 1

    @property
    def expected_passes(self) -> float:
        """For as many steps as images of a few thousand values take as a rule; two backward passes if targeted."""
        return (
            5.0 * TYPICAL_PAIRS if self.targeted else 3.0 * TYPICAL_VALUES / self.values_per_step
        ) * self.reported_steps
