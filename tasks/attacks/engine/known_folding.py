"""A folded copy of a network of known classes, made in the time of a plain copy.

Which batch norm answers which convolution is written down here, so that nothing is read as a graph and nothing has to
be held against the model: the copy has the weights that reading the graph would give it, to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn

from tasks.attacks.engine.frozen_copy import copy_frozen
from tasks.models.build import NormalizedModel

PAIRS: dict[str, tuple[tuple[str, str], ...]] = {
    "tasks.models.architectures.resnet8.ResNet8": (("conv1", "bn1"),),
    "tasks.models.architectures.resnet8.Block": (("conv1", "bn1"), ("conv2", "bn2")),
    "torchvision.models.resnet.ResNet": (("conv1", "bn1"),),
    "torchvision.models.resnet.BasicBlock": (("conv1", "bn1"), ("conv2", "bn2")),
    "torchvision.models.resnet.Bottleneck": (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3")),
}
"""Class -> its convolutions, each with the batch norm that alone takes its output."""
LAYERS = frozenset({
    nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Identity, nn.Linear, nn.MaxPool2d, nn.AdaptiveAvgPool2d, nn.Sequential
})  # fmt: skip
"""What else such a network may hold; a subclass may do something else."""
Pair = tuple[nn.Conv2d, nn.BatchNorm2d]


def fold_known(model: nn.Module) -> NormalizedModel | None:
    """A copy in evaluation mode, frozen, channels last, with batch norm folded into the convolutions.

    :return: null where a part of the model is of another class, is called in two places, or has hooks.
    """
    if type(model) is not NormalizedModel or _has_say(model):
        return None
    pairs = _find_pairs(model.network)
    if not pairs:
        return None
    nothing = nn.Identity()
    instead: dict[int, Any] = {id(norm): nothing for _, norm in pairs}
    weights, biases = _fold(pairs)
    for (convolution, _), weight in zip(pairs, weights, strict=True):
        instead[id(convolution.weight)] = nn.Parameter(weight, requires_grad=False)
    copied = copy_frozen(model, instead)
    assert isinstance(copied, NormalizedModel)
    for (convolution, _), bias in zip(pairs, biases, strict=True):
        instead[id(convolution)].bias = nn.Parameter(bias, requires_grad=False)
    return copied


def _find_pairs(network: nn.Module) -> list[Pair] | None:
    """Every convolution that is folded, with its batch norm; null where the network is not one of the known."""
    pairs: list[Pair] = []
    seen: set[nn.Module | nn.Parameter] = set()
    left: list[nn.Module] = [network]
    while left:
        part = left.pop()
        found = _list_own_pairs(part)
        held = [value for table in (part._modules, part._parameters) for value in table.values() if value is not None]
        if found is None or _has_say(part) or not seen.isdisjoint(held):
            return None
        pairs += found
        seen.update(held)
        left += [value for value in held if isinstance(value, nn.Module)]
    return pairs


def _list_own_pairs(part: nn.Module) -> list[Pair] | None:
    """Those of a module alone; null where it is not known what it does."""
    kind = type(part)
    if kind is nn.Sequential:
        return [pair for first, then in pairwise(part._modules.values()) if (pair := _make_pair(first, then))]
    if kind in LAYERS:
        return []
    names = PAIRS.get(f"{kind.__module__}.{kind.__qualname__}", ())
    pairs = [pair for first, then in names if (pair := _make_pair(part._modules[first], part._modules[then]))]
    return pairs if pairs and len(pairs) == len(names) else None


def _make_pair(first: nn.Module | None, then: nn.Module | None) -> Pair | None:
    """Both, where the second can be folded into the first."""
    if type(first) is nn.Conv2d and type(then) is nn.BatchNorm2d and then.affine and then.running_var is not None:
        return first, then
    return None


def _has_say(part: nn.Module) -> bool:
    """Whether calling the module does something else than its class says."""
    before, after = part._forward_pre_hooks, part._forward_hooks
    return bool(before or after or part._backward_pre_hooks or part._backward_hooks or "forward" in vars(part))


@torch.no_grad()
def _fold(pairs: list[Pair]) -> tuple[list[Tensor], Sequence[Tensor]]:
    """The weight and the bias of each pair in one, as `torch.nn.utils.fusion.fuse_conv_bn_weights` has them.

    What a norm holds for each channel is joined over all pairs: for small networks each call costs more than its sums.
    """
    channels = [norm.num_features for _, norm in pairs]
    rate = torch.rsqrt(torch.cat([cast(Tensor, norm.running_var) + norm.eps for _, norm in pairs]))
    scale = torch.cat([norm.weight for _, norm in pairs])
    mean = torch.cat([cast(Tensor, norm.running_mean) for _, norm in pairs])
    before = torch.cat([torch.zeros_like(norm.bias) if layer.bias is None else layer.bias for layer, norm in pairs])
    shift = torch.cat([norm.bias for _, norm in pairs])
    factors = (scale * rate).split(channels)
    weights = [layer.weight * factor.view(-1, 1, 1, 1) for (layer, _), factor in zip(pairs, factors, strict=True)]
    return weights, ((before - mean) * rate * scale + shift).split(channels)
