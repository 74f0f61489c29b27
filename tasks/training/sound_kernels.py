"""Training without a kernel of oneDNN that writes beyond its memory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

FEWEST_CHANNELS = 8
"""Numbers that a register of AVX2 holds."""


@contextlib.contextmanager
def avoid_unsound_kernels(model: nn.Module) -> Iterator[None]:
    """Let torch's own kernels compute where oneDNN's damage the memory of the process.

    With torch 2.15 that is the gradient of a convolution of 1x1 that strides and reads fewer than eight channels, on
    processors without AVX-512. Such convolutions are left where filters of a small residual network are removed.
    """
    flags: Any = torch.backends.mkldnn
    before = flags.enabled
    if has_unsound_gradient(model) and not torch.backends.cpu.get_cpu_capability().startswith("AVX512"):
        flags.enabled = False
    try:
        yield
    finally:
        flags.enabled = before


def has_unsound_gradient(model: nn.Module) -> bool:
    """Whether a layer is such a convolution."""
    return any(
        isinstance(layer, nn.Conv2d)
        and layer.kernel_size == (1, 1)
        and max(layer.stride) > 1
        and layer.in_channels // layer.groups < FEWEST_CHANNELS
        for layer in model.modules()
    )
