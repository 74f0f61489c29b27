"""Every importance by its name. To add one: write a file in `importance/` and name its function here.

This module imports nothing heavy, so that a plan can be made without torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tasks.registry import Registry

if TYPE_CHECKING:
    import torch

Importance = Callable[..., "torch.Tensor"]
"""(weight of a layer, float [units, ...]; random numbers by the seed of the trial; where it takes a third, what else is
known of the layer, as `layers.Layer`) -> how much each unit matters, float [units]: the smallest go first. A unit is a
filter of a convolution, or a single weight: then the weight is float [units, 1]."""

Unit = Literal["filters", "weights"]

IMPORTANCES: Registry[Importance] = Registry(
    "importance",
    {
        "l1": "tasks.pruning.importance.l1:score_l1",
        "l2": "tasks.pruning.importance.l2:score_l2",
        "random": "tasks.pruning.importance.random:score_random",
        "bn_scale": "tasks.pruning.importance.bn_scale:score_bn_scale",
        "taylor": "tasks.pruning.importance.taylor:score_taylor",
        "hydra": "tasks.pruning.importance.hydra:score_hydra",
        "harp": "tasks.pruning.importance.harp:score_harp",
    },
)


@dataclass(frozen=True)
class Demand:
    """What an importance asks of the settings beside it."""

    units: tuple[Unit, ...] = ("filters", "weights")
    """What it can tell apart."""
    is_learned: bool = False
    """Whether its scores are learned while the weights stand still, which takes `training`."""
    learns_ratios: bool = False
    """Whether the ratio of each layer is learned too, so that units of all layers are compared."""


DEMANDS = {
    "bn_scale": Demand(units=("filters",)),
    "hydra": Demand(is_learned=True),
    "harp": Demand(is_learned=True, learns_ratios=True),
}
"""Of those that ask for something."""


def find_demand(name: str) -> Demand:
    """What an importance asks for; nothing, unless it stands above."""
    return DEMANDS.get(name, Demand())
