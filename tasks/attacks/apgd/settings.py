"""Settings of Auto-PGD."""

from __future__ import annotations

from typing import Literal

from tasks.attacks.base import MethodSettings
from tasks.settings import Count, Number, keyed


class ApgdSettings(MethodSettings):
    """Base of the two forms of Auto-PGD."""

    paper = "Croce and Hein 2020, arXiv 2003.01690; in L1 Croce and Hein 2021, arXiv 2103.01208"
    norm: Literal["linf", "l2", "l1"] = keyed("linf")
    eps: Number = keyed(ge=0)
    steps: Count = keyed(100, ge=1, le=10_000)
    restarts: Count = keyed(1, ge=1, le=1000)

    @property
    def expected_passes(self) -> float:
        return super().expected_passes * self.restarts


class ApgdCeSettings(ApgdSettings):
    """Auto-PGD on the cross-entropy."""

    craft = "tasks.attacks.apgd.craft:craft_apgd_ce"
    name: Literal["apgd_ce"] = keyed("apgd_ce")


class ApgdTSettings(ApgdSettings):
    """Auto-PGD on the targeted difference of logits ratio, one run per target class."""

    craft = "tasks.attacks.apgd.craft:craft_apgd_t"
    settles = True
    name: Literal["apgd_t"] = keyed("apgd_t")
    targets: Count = keyed(9, ge=1, le=1000)
    """The likeliest classes after the label that are targets, at most all the others."""

    @property
    def expected_passes(self) -> float:
        return super().expected_passes * self.targets
