"""Every architecture by its name. To add one: write a file in `architectures/` and name its builder here.

This module imports nothing heavy, so that a plan can be made without torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from tasks.errors import UsageError
from tasks.models.libraries import describe_library_problem, split_library_name
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
    normalisation: tuple[float | tuple[float, ...], float | tuple[float, ...]] | None = None
    """Mean and standard deviation where a space gives none; null: 0.5 and 0.5."""
    renamed: tuple[tuple[str, str], ...] = ()
    """Pattern -> replacement for the names that published files give to its weights; `sub` of `re`, in this order."""

    def load_builder(self) -> Builder:
        """The builder; its module is imported now."""
        return cast(Builder, load_object(self.builder))


class Architectures(Registry[Architecture]):
    """Every architecture, and those of other libraries as `timm:NAME` and `torchvision:NAME`."""

    pattern = r"^(timm|torchvision):."

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or (split_library_name(name) is not None and self._find_problem(name) is None)

    def describe_unknown(self, name: object) -> str:
        return self._find_problem(name) or super().describe_unknown(name)

    def load(self, name: str) -> Architecture:
        library = split_library_name(name)
        if library is None or super().__contains__(name):
            return super().load(name)
        if name not in self:
            raise UsageError(f"{name!r}: {self.describe_unknown(name)}")
        builder = f"tasks.models.architectures.library_nets:build_{library[0]}"
        return Architecture(
            partial(_build_by_name, builder, library[1]),
            has_one_stem=True,
            imagenet_weights=library[0] == "torchvision",
        )

    @staticmethod
    def _find_problem(name: object) -> str | None:
        library = split_library_name(name)
        return library and describe_library_problem(*library)


def _build_by_name(builder: str, name: str, channels: int, classes: int, stem: str) -> nn.Module:  # noqa: ARG001
    return cast("nn.Module", load_object(builder)(name, channels, classes))


RAW = (0.0, 1.0)
"""No normalisation: the network takes pixels as they are."""
CIFAR10 = ((0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616))
WIDE_NAMES = (
    (r"^block(\d)\.layer\.", r"layer\1."),
    (r"\.convShortcut\.", ".shortcut."),
    (r"^bn1\.", "bn."),
    (r"^sub_block1\..*", ""),
)
"""Of TRADES, whose `sub_block1` no image ever reaches."""
RESNET_NAMES = ((r"\.shortcut\.", ".downsample."), (r"^linear\.", "fc."))

_ROOM = "tasks.models.architectures"
ROBUSTBENCH = {
    "ResNet-18": Architecture(f"{_ROOM}.torchvision_nets:resnet18", True, normalisation=RAW, renamed=RESNET_NAMES),
    "PreActResNet-18": Architecture(f"{_ROOM}.preact_resnet:preact_resnet18", True, normalisation=RAW),
    "PreActResNet-18-V2": Architecture(f"{_ROOM}.preact_resnet:preact_resnet18_v2", True, normalisation=CIFAR10),
    **{
        f"WideResNet-{depth}-{width}": Architecture(
            f"{_ROOM}.wide_resnet:wide_resnet{depth}_{width}", True, normalisation=RAW, renamed=WIDE_NAMES
        )
        for depth, width in ((28, 10), (34, 10), (70, 16))
    },
    **{
        f"DMWideResNet-{depth}-{width}": Architecture(
            f"{_ROOM}.swish_wide_resnet:swish_wide_resnet{depth}_{width}", True, normalisation=CIFAR10
        )
        for depth, width in ((28, 10), (34, 10), (70, 16))
    },
}
"""Names of RobustBench's model zoo -> the architecture that its files fit, with the preprocessing of most of them."""

ARCHITECTURES = Architectures(
    "model",
    {
        "alexnet": Architecture("tasks.models.architectures.torchvision_nets:alexnet", imagenet_weights=True),
        "convnext_tiny": Architecture(
            "tasks.models.architectures.torchvision_nets:convnext_tiny", imagenet_weights=True
        ),
        "densenet121": Architecture("tasks.models.architectures.torchvision_nets:densenet121", imagenet_weights=True),
        "mobilenet_v2": Architecture("tasks.models.architectures.torchvision_nets:mobilenet_v2", imagenet_weights=True),
        "preact_resnet18": Architecture(
            "tasks.models.architectures.preact_resnet:preact_resnet18_v2", has_one_stem=True
        ),
        "resnet8": Architecture("tasks.models.architectures.resnet8:resnet8", has_one_stem=True),
        "resnet18": Architecture("tasks.models.architectures.torchvision_nets:resnet18", imagenet_weights=True),
        "resnet34": Architecture("tasks.models.architectures.torchvision_nets:resnet34", imagenet_weights=True),
        "resnet50": Architecture("tasks.models.architectures.torchvision_nets:resnet50", imagenet_weights=True),
        "vgg16": Architecture("tasks.models.architectures.torchvision_nets:vgg16", imagenet_weights=True),
        "vgg16_bn": Architecture("tasks.models.architectures.torchvision_nets:vgg16_bn", imagenet_weights=True),
        "vit_tiny": Architecture("tasks.models.architectures.vision_transformer:vit_tiny"),
        "wide_resnet28_10": Architecture("tasks.models.architectures.wide_resnet:wide_resnet28_10", has_one_stem=True),
        "wide_resnet50_2": Architecture(
            "tasks.models.architectures.torchvision_nets:wide_resnet50_2", imagenet_weights=True
        ),
        **{f"robustbench:{name}": architecture for name, architecture in ROBUSTBENCH.items()},
    },
)
