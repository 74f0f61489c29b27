"""Optimizers and learning rates from their settings."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from tasks.training.settings import (
    AdamSettings,
    AdamWSettings,
    ConstantSettings,
    CosineSettings,
    Optimizer,
    Schedule,
    SgdSettings,
)


def optimizer(parameters: Iterable[nn.Parameter], settings: Optimizer) -> torch.optim.Optimizer:
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


def rate_factor(settings: Schedule, step: int, steps_per_epoch: int, epochs: int) -> float:
    """By how much the learning rate is multiplied at a step: a function of the step alone, so nothing to save."""
    if isinstance(settings, ConstantSettings):
        return 1.0
    if isinstance(settings, CosineSettings):
        share = step / max(1, steps_per_epoch * epochs)
        if share < settings.warmup:
            return (step + 1) / (settings.warmup * steps_per_epoch * epochs + 1)
        return 0.5 * (1 + math.cos(math.pi * (share - settings.warmup) / (1 - settings.warmup)))
    epoch = step // steps_per_epoch
    passed: int = sum(epoch >= milestone for milestone in settings.milestones)
    return float(settings.gamma**passed)
