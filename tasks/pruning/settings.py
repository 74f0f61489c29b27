"""What a search space says about pruning."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import Self

from tasks.part_names import NameOf
from tasks.pruning.registry import IMPORTANCES, Unit, find_demand
from tasks.settings import Number, Settings, added, keyed
from tasks.settings_rules import refuse

PATTERN = re.compile(r"([1-9]\d?):([1-9]\d?)", re.ASCII)
"""Of so many kept weights of so many neighbours."""


def parse_pattern(within: str) -> tuple[int, int] | None:
    """Kept weights, and of how many: `2:4` is (2, 4); null for `layer` and `network`."""
    found = PATTERN.fullmatch(within)
    return (int(found[1]), int(found[2])) if found else None


def _check_within(within: str) -> str:
    pattern = parse_pattern(within)
    if within in ("layer", "network") or (pattern and pattern[0] < pattern[1]):
        return within
    raise PydanticCustomError("within", "should be layer, network, or N:M such as 2:4, of M weights N are kept")


class PruneSettings(Settings):
    """Pruning of whole filters (Li et al. 2017, arXiv 1608.08710) or single weights (Han et al. 2015, 1506.02626)."""

    ratio: Number = keyed(ge=0, lt=1)
    """Share of the filters of every convolution in scope, or of what `unit` and `within` say; rounded to whole
    filters."""
    scope: str = keyed("all", min_length=1)
    """`all`, or the name of a part of the network such as `layer4`: its convolutions and those below it."""
    importance: Annotated[str, NameOf(IMPORTANCES)] = keyed("l1")
    """How much a filter or a weight matters; the smallest go first. Its L1 or L2 norm; `random`, by the seed of the
    trial; bn_scale: the scale of the batch norm behind a filter; taylor: what a step to zero does to the loss, to first
    order; hydra: scores that are learned by `training` while the weights stand still; harp: the same, and with them
    the ratio of each layer."""
    mode: Literal["mask", "once", "remove"] = keyed("mask")
    """mask: the filters and their batch norm are set to zero and stay zero; shapes do not change. once: the weights of
    the filters are set to zero and not held there, as `torch.nn.utils.prune` leaves them after `prune.remove`: later
    training may let them grow again. remove: the channels go, with everything that belongs to them, so that the network
    gets faster; channels that a residual connection joins go together."""
    unit: Unit = added("filters")
    """filters: whole filters of convolutions. weights: single weights of convolutions and linear layers."""
    within: Annotated[str, AfterValidator(_check_within)] = added("layer")
    """Among what the least important are looked for. layer: every layer loses the same share. network: all layers
    together, each of which keeps one unit at least. N:M, such as 2:4: of M neighbours along the input channels N
    weights are kept, in the layers whose input channels M divides; the ratio is then 1 - N/M."""

    @model_validator(mode="after")
    def _units_can_be_pruned_so(self) -> Self:
        pattern, single = parse_pattern(self.within), self.unit == "weights"
        if self.unit not in find_demand(self.importance).units:
            refuse(
                f"importance: {self.importance} tells no {self.unit} apart: choose unit: filters", "unit", "importance"
            )
        if find_demand(self.importance).learns_ratios and self.within != "network":
            refuse(
                f"importance: {self.importance} learns the ratio of each layer: give within: network",
                "within",
                "importance",
            )
        if single and self.mode == "remove":
            refuse("mode: remove takes whole filters: choose mode: mask or once with unit: weights", "mode", "unit")
        if pattern and not single:
            refuse(f"within: {self.within} is about weights: give unit: weights", "within", "unit")
        if pattern and self.ratio and abs(self.ratio - (1 - pattern[0] / pattern[1])) > 1e-9:
            refuse(
                f"within: {self.within} prunes {1 - pattern[0] / pattern[1]:g}: give ratio: that, or 0",
                "ratio",
                "within",
            )
        return self

    def simplify(self) -> Self | None:
        """Null where nothing would be pruned."""
        return self if self.ratio else None
