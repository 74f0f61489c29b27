"""Optimizers from their settings."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from tasks.training.basic import AdamSettings, AdamWSettings, Optimizer, SgdSettings


def build_optimizer(parameters: Iterable[nn.Parameter], settings: Optimizer) -> torch.optim.Optimizer:
    """torch's optimizer of that name."""
    if isinstance(settings, SgdSettings):
        return torch.optim.SGD(
            parameters,
            lr=settings.lr,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
            nesterov=settings.nesterov,
        )
    assert isinstance(settings, AdamSettings)
    kind = torch.optim.AdamW if isinstance(settings, AdamWSettings) else torch.optim.Adam
    return kind(
        parameters,
        lr=settings.lr,
        betas=(settings.beta1, settings.beta2),
        eps=settings.eps,
        weight_decay=settings.weight_decay,
    )
