"""What a search space says about TRADES."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator
from typing_extensions import Self

from tasks.settings import Number, keyed
from tasks.training.objectives.base import STEP_PASSES, ExampleSettings, ObjectiveSettings, check_divergent
from tasks.training.objectives.standard.settings import make_standard


class TradesSettings(ExampleSettings):
    """TRADES: L(f(x), y) + beta KL(f(x) || f(x')), where x' is found by raising the same divergence.

    Zhang et al. 2019 (arXiv 1901.08573), with 1 / lambda of the paper written as beta, as in its code.
    """

    build = "tasks.training.objectives.trades.objective:build_trades"

    name: Literal["trades"] = keyed("trades")
    beta: Number = keyed(6.0, ge=0)
    """Weight of the divergence."""

    @model_validator(mode="after")
    def _attack_raises_a_divergence(self) -> Self:
        check_divergent(self.attack, self.name)
        return self

    @property
    def expected_passes(self) -> float:
        return self.attack.expected_passes + 2 * STEP_PASSES

    def simplify(self) -> ObjectiveSettings:
        """Standard training where the divergence is zero or does not count."""
        return self if self.beta and self.attack.eps else make_standard(self)
