"""Scores and ratios of layers that are learned together (HARP, Zhao and Wressnegger 2023, arXiv 2412.14714)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from tasks.pruning.layers import Layer


def score_harp(weight: Tensor, draw: torch.Generator, layer: Layer) -> Tensor:  # noqa: ARG001
    """How far within the learned share of its layer each unit ranks, as `tasks/training/sparsity/` has learned it.

    :param weight: float [units, ...].
    :returns: float [units]: the share that its layer keeps, by that of the units which rank as high.
    """
    return layer.learned
