"""The known architectures. To add one: write its builder and name it here.

This module imports nothing heavy, so that a plan can be made without torch.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from torch import nn

ARCHITECTURES = {
    "alexnet": "tasks.models.architectures.torchvision_nets:alexnet",
    "resnet8": "tasks.models.architectures.resnet8:resnet8",
    "resnet18": "tasks.models.architectures.torchvision_nets:resnet18",
    "resnet34": "tasks.models.architectures.torchvision_nets:resnet34",
    "resnet50": "tasks.models.architectures.torchvision_nets:resnet50",
    "vgg16": "tasks.models.architectures.torchvision_nets:vgg16",
    "vgg16_bn": "tasks.models.architectures.torchvision_nets:vgg16_bn",
    "wide_resnet28_10": "tasks.models.architectures.wide_resnet:wide_resnet28_10",
    "wide_resnet50_2": "tasks.models.architectures.torchvision_nets:wide_resnet50_2",
}
"""Name in a search space -> `module:builder`; a builder takes `channels`, `classes` and `stem`."""


def load_builder(name: str) -> Callable[[int, int, str], nn.Module]:
    """The builder of that architecture; its module is imported now."""
    module, function = ARCHITECTURES[name].split(":")
    return cast("Callable[[int, int, str], nn.Module]", getattr(importlib.import_module(module), function))


WITHOUT_STEM = frozenset({"resnet8", "wide_resnet28_10"})
"""Architectures that have one stem only, whatever `model.stem` says."""

WITH_IMAGENET = frozenset(ARCHITECTURES) - WITHOUT_STEM
"""Architectures of which torchvision has weights trained on ImageNet; under the same name there."""
