"""Settings of noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from tasks.attacks.base import MethodSettings
from tasks.settings import Count, Number, keyed


class UniformSettings(MethodSettings):
    """Noise drawn uniformly from the ball: what an attack without any knowledge of the model reaches."""

    craft = "tasks.attacks.noise.craft:craft_uniform"
    access = "none"
    iterative = False
    probe: ClassVar[Mapping[str, Any] | None] = {"draws": 10}
    name: Literal["uniform"] = keyed("uniform")
    norm: Literal["linf", "l2", "l1"] = keyed("linf")
    eps: Number = keyed(ge=0)
    draws: Count = keyed(1, ge=1, le=100_000)
    """An image is robust only if it withstands every draw."""

    @property
    def expected_passes(self) -> float:
        return float(self.draws) if self.eps else 0.0
