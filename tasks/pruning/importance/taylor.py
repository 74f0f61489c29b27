"""What setting a unit to zero does to the loss, to first order (Molchanov et al. 2019, arXiv 1906.10771)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from tasks.pruning.layers import Layer


def score_taylor(weight: Tensor, draw: torch.Generator, layer: Layer) -> Tensor:  # noqa: ARG001
    """(sum of gradient times weight)^2 of each unit, equation 8 of the paper for the parameters of a unit together.

    :param weight: float [units, ...].
    :returns: float [units], at least 0, on the device of the weight.
    """
    return (layer.gradient * weight).flatten(1).sum(1).square()
