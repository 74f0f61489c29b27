"""Settings of FMN."""

from __future__ import annotations

from typing import Literal

from typing_extensions import Self

from tasks.attacks.base import TargetedMinimalSettings
from tasks.settings import Count, Number, added, keyed


class FmnSettings(TargetedMinimalSettings):
    """Fast minimum-norm attack, FMN."""

    paper = "Pintor et al. 2021, arXiv 2102.12827"
    craft = "tasks.attacks.fmn.craft:craft_fmn"
    revision = 3
    name: Literal["fmn"] = keyed("fmn")
    norm: Literal["linf", "l2", "l1", "l0"] = keyed("linf")
    steps: Count = keyed(1000, ge=1, le=100_000)
    step_size: Number = keyed(1.0, gt=0)
    """L2 length of the first step in pixels of [0, 1]; the last one is a hundredth of it."""
    gamma: Number = keyed(0.05, gt=0, lt=1)
    """The share by which the ball shrinks after a success and grows after a failure, at first."""
    last_gamma: Number = keyed(0.001, gt=0, lt=1)
    """The same at the end."""
    classes: Count = added(4, ge=0, le=999)
    """In L1, untargeted: the likeliest classes toward each of which a short walk is tried, and a longer one toward the
    nearest; 0: one walk alone, as in the paper, and so where fewer than 16 steps would come to each."""

    @property
    def tries_classes(self) -> bool:
        """Whether single classes may get a walk."""
        return self.norm == "l1" and not self.targeted and self.classes > 0

    def simplify(self) -> Self:
        """Without the number of classes where there is one walk whatever it is."""
        found = super().simplify()
        idle = bool(found.list_idle())
        return found.model_copy(update={"classes": type(self).model_fields["classes"].default}) if idle else found

    def list_idle(self) -> dict[str, str]:
        alone = self.norm == "l1" and not self.targeted
        return {} if alone else {"classes": "it is about the untargeted form in l1"}
