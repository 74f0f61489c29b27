"""Chance: what an importance has to be better than."""

from __future__ import annotations

import torch
from torch import Tensor


def score_random(weight: Tensor, draw: torch.Generator) -> Tensor:
    """One draw for each filter, whatever its weights.

    :param weight: float [filters, ...].
    :returns: float [filters] in [0, 1), on the CPU.
    """
    return torch.rand(len(weight), generator=draw)
