"""A model that answers for an image what it answers for the same image among others, to the last bit."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tasks.arithmetic import STEADY_ROWS


def make_steady(model: nn.Module) -> nn.Module:
    """The model itself, its linear layers exchanged, such that no answer depends on the batch.

    :param model: in evaluation mode.
    """
    _exchange_linear(model)
    return _Steady(model)


def _exchange_linear(network: nn.Module) -> None:
    for name, child in network.named_children() if network._modules else ():
        if type(child) is nn.Linear and not child._forward_hooks and not child._forward_pre_hooks:
            setattr(network, name, _SteadyLinear(child))
        else:
            _exchange_linear(child)


class _SteadyLinear(nn.Module):
    """A linear layer that answers for few rows what it answers for the same rows among others.

    Matrix products of few rows take other paths, forward and backward, whose sums differ in the last bit.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.linear, self.training = linear, False

    @property
    def weight(self) -> Tensor:
        """For a network that looks at its layers: float [out, in]."""
        return self.linear.weight

    @property
    def bias(self) -> Tensor | None:
        """float [out], or null."""
        return self.linear.bias

    def forward(self, rows: Tensor) -> Tensor:
        missing = max(0, STEADY_ROWS - len(rows)) if rows.dim() == 2 else 0
        out: Tensor = self.linear(F.pad(rows, (0, 0, 0, missing)) if missing else rows)
        return out[: len(rows)] if missing else out


class _Steady(nn.Module):
    """A model that answers for one image what it answers for the same image among others.

    Convolutions of a single image take another path, as matrix products of few rows do.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model, self.training = model, False

    def forward(self, pixels: Tensor) -> Tensor:
        alone = len(pixels) == 1
        logits: Tensor = self.model(torch.cat([pixels, pixels]) if alone else pixels)
        return logits[:1] if alone else logits
