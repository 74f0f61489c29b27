"""The scale of batch norm (network slimming, Liu et al. 2017, arXiv 1708.06519)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.errors import MisfitError, Problem

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from tasks.pruning.layers import Layer


def score_bn_scale(weight: Tensor, draw: torch.Generator, layer: Layer) -> Tensor:  # noqa: ARG001
    """Absolute scale of the batch norm behind each filter.

    :param weight: float [filters, ...].
    :returns: float [filters], at least 0, on the device of the weight.
    :raises MisfitError: there is none behind the layer, or it has no scale.
    """
    norm = layer.batch_norm
    if norm is None or not norm.affine:
        lack = f"no batch norm takes what {layer.name} gives: choose another"
        raise MisfitError(Problem("prune.importance", "bn_scale", lack))
    return norm.weight.detach().abs()
