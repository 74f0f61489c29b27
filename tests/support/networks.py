"""Architectures that are worth a test that computes."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest
from torch import nn

from tasks.models.architectures import swish_wide_resnet, wide_resnet
from tasks.models.registry import ARCHITECTURES

LIKE_ANOTHER = ("28-10", "34-10", "70-16", "wide_resnet50_2", "vgg16", "resnet34")
"""Ends of names of networks that are larger and else the same as one that is tried, here or in test_zoo_files.py."""


def list_distinct_architectures() -> list[str]:
    """Names of the registry without those that are another in large."""
    return [name for name in ARCHITECTURES if not name.endswith(LIKE_ANOTHER)]


DENSE = 4096
"""Outputs of the dense layers of AlexNet and VGG."""
FEW_OUTPUTS = 64
MOST_LAYERS = 16


def make_networks_narrow(patch: pytest.MonkeyPatch) -> None:
    """The networks that take seconds to make and to run, by the same code: few outputs, few channels, few blocks."""
    make_linear = nn.Linear.__init__

    @functools.wraps(make_linear)  # the code of an exported model names a layer's arguments
    def make_narrow(layer: nn.Linear, in_features: int, out_features: int, *rest: object, **more: object) -> None:
        sizes = (FEW_OUTPUTS if size == DENSE else size for size in (in_features, out_features))
        make_linear(layer, *sizes, *rest, **more)  # type: ignore[arg-type]

    patch.setattr(nn.Linear, "__init__", make_narrow)
    for module, name in ((wide_resnet, "WideResNet"), (swish_wide_resnet, "SwishWideResNet")):
        patch.setattr(module, name, _make_thin(getattr(module, name)))


def _make_thin(network: type[nn.Module]) -> Callable[[int, int, int, int], nn.Module]:
    def build(channels: int, classes: int, depth: int, width: int) -> nn.Module:  # noqa: ARG001
        return network(channels, classes, min(depth, MOST_LAYERS), 1)

    return build
