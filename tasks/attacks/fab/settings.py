"""Settings of FAB."""

from __future__ import annotations

from typing import Literal

from tasks.attacks.base import MinimalSettings
from tasks.settings import Count, keyed


class FabSettings(MinimalSettings):
    """Fast Adaptive Boundary attack: one walk, whose every step is onto the nearest boundary."""

    paper = "Croce and Hein 2020, arXiv 1907.02044"
    craft = "tasks.attacks.fab.craft:craft_fab"
    name: Literal["fab"] = keyed("fab")
    norm: Literal["linf", "l2", "l1"] = keyed("linf")
    steps: Count = keyed(100, ge=1, le=10_000)
    candidates: Count = keyed(5, ge=2, le=1000)
    """The likeliest classes of the clean image whose boundaries are considered, the label among them, at most all."""

    @property
    def expected_passes(self) -> float:
        """Each step takes a gradient for each class, and asks about the new image, too."""
        return 2.0 * self.reported_steps * self.candidates


class FabTSettings(MinimalSettings):
    """Targeted Fast Adaptive Boundary attack, one walk per target class."""

    paper = "Croce and Hein 2020, arXiv 1907.02044"
    craft = "tasks.attacks.fab.craft:craft_fab_t"
    revision = 3
    name: Literal["fab_t"] = keyed("fab_t")
    norm: Literal["linf", "l2", "l1"] = keyed("linf")
    steps: Count = keyed(100, ge=1, le=10_000)
    targets: Count = keyed(9, ge=1, le=1000)
    """The likeliest classes after the label that are targets, at most all the others."""
    narrows: bool = keyed(True)
    """Whether the two thirds of the walks that have found the larger perturbations are given up on the way, and their
    steps go to the others; false: every walk takes all its steps, as in the paper."""

    @property
    def expected_passes(self) -> float:
        """Each step asks about the new image, too."""
        return 4.0 * self.reported_steps * self.targets
