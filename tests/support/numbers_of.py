"""A few numbers in the place of tensors, as a file keeps them."""

from __future__ import annotations

import torch
from torch import Tensor

Numbers = list[float]


def round_values(*tensors: Tensor) -> Numbers:
    """The values of some tensors, to six digits."""
    return [float(f"{value:.6g}") for tensor in tensors for value in tensor.detach().double().flatten().tolist()]


def weigh(values: Tensor) -> Tensor:
    """A sum for each image in which every value counts otherwise; [N, ...] -> [N]."""
    flat = values.detach().double().flatten(1)
    return flat @ torch.linspace(-1, 1.5, flat.shape[1], dtype=torch.float64)
