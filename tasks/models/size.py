"""The size of a model: parameters and multiply-accumulate operations."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from tasks.models.build import NormalizedModel


def measure_model(model: NormalizedModel, shape: tuple[int, ...]) -> dict[str, int]:
    """Parameters, those that are not zero, and multiply-accumulates of one image [C, H, W]."""
    weights = list(model.parameters())
    model.eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, *shape, device=model.mean.device))
    return {
        "parameters": sum(weight.numel() for weight in weights),
        "nonzero_parameters": _count_nonzero(weights),
        "macs": counter.get_total_flops() // 2,
    }


def _count_nonzero(weights: list[torch.nn.Parameter]) -> int:
    return int(torch.stack([weight.count_nonzero() for weight in weights]).sum()) if weights else 0
