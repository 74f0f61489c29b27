"""Settings of the Square Attack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from tasks.attacks.base import MethodSettings
from tasks.settings import Count, Number, keyed


class SquareSettings(MethodSettings):
    """Square Attack: random search with logits alone."""

    paper = "Andriushchenko et al. 2020, arXiv 1912.00049"
    craft = "tasks.attacks.square.craft:craft_square"
    access = "logits"
    probe: ClassVar[Mapping[str, Any] | None] = {"steps": 500}
    name: Literal["square"] = keyed("square")
    norm: Literal["linf", "l2", "l1"] = keyed("linf")
    eps: Number = keyed(ge=0)
    steps: Count = keyed(5000, ge=1, le=1_000_000)
    """Queries of the model per image."""
    initial_share: Number = keyed(0.8, gt=0, le=1)
    """Share of the image that the first squares cover."""

    @property
    def expected_passes(self) -> float:
        return float(self.reported_steps)
