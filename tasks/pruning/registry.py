"""Every importance by its name. To add one: write a file in `importance/` and name its function here.

This module imports nothing heavy, so that a plan can be made without torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tasks.registry import Registry

if TYPE_CHECKING:
    import torch

Importance = Callable[["torch.Tensor", "torch.Generator"], "torch.Tensor"]
"""(weight of a convolution, float [filters, ...]; random numbers by the seed of the trial) -> how much each filter
matters, float [filters]: the smallest go first."""

IMPORTANCES: Registry[Importance] = Registry(
    "importance",
    {
        "l1": "tasks.pruning.importance.l1:score_l1",
        "l2": "tasks.pruning.importance.l2:score_l2",
        "random": "tasks.pruning.importance.random:score_random",
    },
)
