"""Scores that are learned for the loss that is to be small after pruning (HYDRA, Sehwag et al. 2020, 2002.10509)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from tasks.pruning.layers import Layer


def score_hydra(weight: Tensor, draw: torch.Generator, layer: Layer) -> Tensor:  # noqa: ARG001
    """Size of the score of each unit, as `tasks/training/sparsity/` has learned it.

    :param weight: float [units, ...].
    :returns: float [units], at least 0.
    """
    return layer.learned.abs()
