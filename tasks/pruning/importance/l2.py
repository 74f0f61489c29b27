"""The L2 norm of a filter."""

from __future__ import annotations

import torch
from torch import Tensor


def score_l2(weight: Tensor, draw: torch.Generator) -> Tensor:  # noqa: ARG001
    """Euclidean norm of the weights of each filter.

    :param weight: float [filters, ...].
    :returns: float [filters], at least 0, on the device of the weight.
    """
    size: Tensor = torch.linalg.vector_norm(weight.flatten(1), ord=2, dim=1)
    return size
