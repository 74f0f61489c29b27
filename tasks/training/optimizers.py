"""Optimizers from their settings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from tasks.training.basic import AdamSettings, AdamWSettings, Optimizer, SgdSettings
from tasks.without_compiler import leave_out_compiler


def build_optimizer(parameters: Iterable[nn.Parameter], settings: Optimizer) -> torch.optim.Optimizer:
    """torch's optimizer of that name; on CUDA its fused form, which takes a step in one launch.

    :param parameters: all on one device.
    """
    parameters = list(parameters)
    on_cuda = any(parameter.device.type == "cuda" for parameter in parameters)
    kernels: dict[str, Any] = {"fused": True} if on_cuda else {}
    if isinstance(settings, SgdSettings):
        return leave_out_compiler(torch.optim.SGD)(
            parameters,
            lr=settings.lr,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
            nesterov=settings.nesterov,
            **kernels,
        )
    assert isinstance(settings, AdamSettings)
    kind = torch.optim.AdamW if isinstance(settings, AdamWSettings) else torch.optim.Adam
    return leave_out_compiler(kind)(
        parameters,
        lr=settings.lr,
        betas=(settings.beta1, settings.beta2),
        eps=settings.eps,
        weight_decay=settings.weight_decay,
        **kernels,
    )
