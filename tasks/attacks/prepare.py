"""A copy of a model that is fast to attack and gives the same logits.

Batch norm is folded into the convolutions, parameters are frozen (no weight gradients are computed), memory is
channels-last, and for bf16 the network's weights are cast once: pixels, normalisation and logits stay in fp32.
"""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tasks.models.build import Normalized


@dataclass(frozen=True)
class Target:
    """A model under attack: where gradients come from, and who judges."""

    gradient: nn.Module
    """Pixels of [0, 1] -> logits; the source of gradients, perhaps in bf16."""
    judge: nn.Module
    """The same in fp32: no image counts as fooled on any other word."""

    @property
    def exact(self) -> bool:
        """Whether gradients and verdicts come from the same arithmetic."""
        return self.gradient is self.judge

    def fooled(self, pixels: Tensor, labels: Tensor, targets: Tensor | None = None) -> Tensor:
        """bool [N]: whether the judge is fooled, that is, says another class, or the target where one is given."""
        with torch.no_grad():
            predicted = self.judge(pixels).argmax(1)
        fooled: Tensor = predicted.eq(targets) if targets is not None else predicted.ne(labels)
        return fooled


class _Bf16(nn.Module):
    """A normalised network with its weights in bf16, fp32 outside."""

    def __init__(self, model: Normalized) -> None:
        super().__init__()
        self.network = copy.deepcopy(model.network).bfloat16()
        self.mean, self.std = model.mean, model.std

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.network(((pixels - self.mean) / self.std).bfloat16())
        return logits.float()


class _Steady(nn.Module):
    """A model that answers for one image what it answers for the same image among others.

    Matrix products of a single row take another path, whose sums differ in the last bit.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.model(pixels if len(pixels) > 1 else torch.cat([pixels, pixels]))
        return logits[: len(pixels)]


def frozen(model: nn.Module) -> nn.Module:
    """A copy in evaluation mode, without gradients of its weights, channels last; the same logits in every batch."""
    return _Steady(_frozen(model)).eval()


def _frozen(model: nn.Module) -> nn.Module:
    copied = copy.deepcopy(model).eval().requires_grad_(False)
    return copied.to(memory_format=torch.channels_last)


def prepare(model: nn.Module, precision: str = "fp32") -> Target:
    """The model as a target of attacks; the model itself is not changed.

    :param precision: `fp32`, or `bf16` for gradients from bf16 weights.
    """
    copied = _frozen(model)
    if isinstance(copied, Normalized):
        copied.network = _folded(copied.network)
    judge = _Steady(copied).eval()
    if precision == "fp32" or not isinstance(copied, Normalized):
        return Target(judge, judge)
    gradient = _Bf16(copied).eval().requires_grad_(False)
    return Target(_Steady(gradient.to(memory_format=torch.channels_last)).eval(), judge)


def _folded(network: nn.Module) -> nn.Module:
    """The network with every batch norm folded into the convolution before it, where it can be traced."""
    from torch.fx.experimental.optimization import fuse
    from torch.fx.proxy import TraceError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fused: nn.Module = fuse(network)
    except TraceError:
        return network  # a network with control flow of its own is attacked as it is
    return fused.eval().requires_grad_(False)
