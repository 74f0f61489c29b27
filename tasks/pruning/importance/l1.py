"""The L1 norm of a filter (Li et al. 2017, arXiv 1608.08710)."""

from __future__ import annotations

import torch
from torch import Tensor


def score_l1(weight: Tensor, draw: torch.Generator) -> Tensor:  # noqa: ARG001
    """Sum of the absolute weights of each filter.

    :param weight: float [filters, ...].
    :returns: float [filters], at least 0, on the device of the weight.
    """
    size: Tensor = torch.linalg.vector_norm(weight.flatten(1), ord=1, dim=1)
    return size
