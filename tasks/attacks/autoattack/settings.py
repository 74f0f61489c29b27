"""Settings of AutoAttack."""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal

from tasks.attacks.base import MethodSettings
from tasks.settings import Number, added, keyed

LOOKS = 20
"""Whose mean a gradient is in the form for random models (`eot_iter` of the authors' code)."""


class AutoAttackSettings(MethodSettings):
    """AutoAttack: APGD-CE, APGD-T, FAB-T and Square, each on the survivors of those before; or, for a model that
    answers at random, APGD on two losses along the mean of many looks."""

    paper = "Croce and Hein 2020, arXiv 2003.01690; in L1 Croce and Hein 2021, arXiv 2103.01208"
    craft = "tasks.attacks.autoattack.craft:craft_autoattack"
    revision = 2
    random_form = MappingProxyType({"version": "rand"})
    name: Literal["autoattack"] = keyed("autoattack")
    norm: Literal["linf", "l2", "l1"] = keyed("linf")
    eps: Number = keyed(ge=0)
    version: Literal["standard", "rand"] = added("standard")
    """rand: APGD-CE and APGD-DLR, whose every gradient is the mean of 20 looks (EOT), for a model that is random in
    itself. Behind `inference`, whose `eot_samples` are looks already, `standard` is meant."""

    @property
    def averaged_looks(self) -> int:
        return LOOKS if self.version == "rand" else 1

    @property
    def reported_steps(self) -> int:
        """The steps of APGD and of FAB."""
        return 100 if self.eps else 0

    @property
    def expected_passes(self) -> float:
        """APGD-CE, the targets of APGD-T and of FAB-T, which asks once more each step, and the queries of Square."""
        if self.version == "rand":
            return 2 * LOOKS * 3.0 * self.reported_steps
        runs = 5 + 5 if self.norm == "l1" else 1 + 9
        return runs * 3.0 * self.reported_steps + 9 * 4.0 * self.reported_steps + (5000 if self.eps else 0)
