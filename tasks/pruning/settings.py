"""What a search space says about pruning."""

from __future__ import annotations

from typing import Annotated, Literal

from typing_extensions import Self

from tasks.pruning.registry import IMPORTANCES
from tasks.settings import NameOf, Number, Settings, keyed


class PruneSettings(Settings):
    """Structured pruning of whole filters (Li et al. 2017, arXiv 1608.08710), made permanent."""

    ratio: Number = keyed(ge=0, lt=1)
    """Share of the filters of every convolution in scope; rounded to whole filters."""
    scope: str = keyed("all", min_length=1)
    """`all`, or the name of a part of the network such as `layer4`: its convolutions and those below it."""
    importance: Annotated[str, NameOf(IMPORTANCES)] = keyed("l1")
    """How much a filter matters: its L1 or L2 norm, or `random`, by the seed of the trial; the smallest go first."""
    mode: Literal["mask", "once", "remove"] = keyed("mask")
    """mask: the filters and their batch norm are set to zero and stay zero; shapes do not change. once: the weights of
    the filters are set to zero and not held there, as `torch.nn.utils.prune` leaves them after `prune.remove`: later
    training may let them grow again. remove: the channels go, with everything that belongs to them, so that the network
    gets faster; channels that a residual connection joins go together."""

    def simplify(self) -> Self | None:
        """Null where nothing would be pruned."""
        return self if self.ratio else None
