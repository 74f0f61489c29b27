"""Every architecture by its name. To add one: write a file in `architectures/` and name its builder here.

This module imports nothing heavy, so that a plan can be made without torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from tasks.registry import Registry, load_object

if TYPE_CHECKING:
    from torch import nn

Builder = Callable[[int, int, str], "nn.Module"]
"""(channels of an image, classes, stem) -> a network that takes normalised images [N, C, H, W] and returns logits
[N, classes]; its weights are drawn from torch's global generator."""


@dataclass(frozen=True)
class Architecture:
    """A builder, and what must be known of it before it is imported."""

    builder: str | Builder
    """The function, or `module:name` of it."""
    has_one_stem: bool = False
    """Whether it is the same network whatever `model.stem` says."""
    imagenet_weights: bool = False
    """Whether torchvision has weights trained on ImageNet, under the same name."""

    def load_builder(self) -> Builder:
        """The builder; its module is imported now."""
        return cast(Builder, load_object(self.builder))


ARCHITECTURES: Registry[Architecture] = Registry(
    "model",
    {
        "alexnet": Architecture("tasks.models.architectures.torchvision_nets:alexnet", imagenet_weights=True),
        "resnet8": Architecture("tasks.models.architectures.resnet8:resnet8", has_one_stem=True),
        "resnet18": Architecture("tasks.models.architectures.torchvision_nets:resnet18", imagenet_weights=True),
        "resnet34": Architecture("tasks.models.architectures.torchvision_nets:resnet34", imagenet_weights=True),
        "resnet50": Architecture("tasks.models.architectures.torchvision_nets:resnet50", imagenet_weights=True),
        "vgg16": Architecture("tasks.models.architectures.torchvision_nets:vgg16", imagenet_weights=True),
        "vgg16_bn": Architecture("tasks.models.architectures.torchvision_nets:vgg16_bn", imagenet_weights=True),
        "wide_resnet28_10": Architecture("tasks.models.architectures.wide_resnet:wide_resnet28_10", has_one_stem=True),
        "wide_resnet50_2": Architecture(
            "tasks.models.architectures.torchvision_nets:wide_resnet50_2", imagenet_weights=True
        ),
    },
)
