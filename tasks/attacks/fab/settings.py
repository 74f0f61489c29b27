"""Settings of FAB."""

from __future__ import annotations

from typing import Literal

from tasks.attacks.base import MinimalSettings
from tasks.settings import Count, keyed


class FabTSettings(MinimalSettings):
    """Targeted Fast Adaptive Boundary attack, one run per target class."""

    paper = "Croce and Hein 2020, arXiv 1907.02044"
    craft = "tasks.attacks.fab.craft:craft_fab_t"
    name: Literal["fab_t"] = keyed("fab_t")
    norm: Literal["linf", "l2", "l1"] = keyed("linf")
    steps: Count = keyed(100, ge=1, le=10_000)
    targets: Count = keyed(9, ge=1, le=1000)
    """The likeliest classes after the label that are targets, at most all the others."""

    @property
    def expected_passes(self) -> float:
        """Each step asks about the new image, too."""
        return 4.0 * self.reported_steps * self.targets
