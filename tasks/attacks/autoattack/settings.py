"""Settings of AutoAttack."""

from __future__ import annotations

from typing import Literal

from tasks.attacks.base import MethodSettings
from tasks.settings import Number, keyed


class AutoAttackSettings(MethodSettings):
    """The standard AutoAttack: APGD-CE, APGD-T, FAB-T and Square, each on the survivors of those before."""

    paper = "Croce and Hein 2020, arXiv 2003.01690; in L1 Croce and Hein 2021, arXiv 2103.01208"
    craft = "tasks.attacks.autoattack.craft:craft_autoattack"
    name: Literal["autoattack"] = keyed("autoattack")
    norm: Literal["linf", "l2", "l1"] = keyed("linf")
    eps: Number = keyed(ge=0)

    @property
    def reported_steps(self) -> int:
        """The steps of APGD and of FAB."""
        return 100 if self.eps else 0

    @property
    def expected_passes(self) -> float:
        """APGD-CE, the targets of APGD-T and of FAB-T, which asks once more each step, and the queries of Square."""
        runs = 5 + 5 if self.norm == "l1" else 1 + 9
        return runs * 3.0 * self.reported_steps + 9 * 4.0 * self.reported_steps + (5000 if self.eps else 0)
