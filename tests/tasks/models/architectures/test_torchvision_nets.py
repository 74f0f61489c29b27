"""torchvision's networks for grey images: those for colour ones but for the channels of the first convolution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from tasks.models.architectures import torchvision_nets as nets

BUILDERS: list[Callable[[int, int, str], nn.Module]] = [
    nets.resnet18, nets.alexnet, nets.vgg16, nets.mobilenet_v2, nets.densenet121, nets.convnext_tiny
]  # fmt: skip
"""One of each kind."""


def describe_layers(network: nn.Module) -> list[dict[str, Any]]:
    """Kind of each layer, in order, what it is made with, and the shapes of its weights."""
    names = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "groups", "in_features", "out_features")
    return [
        {"kind": type(layer).__name__, "weights": [tuple(weight.shape) for weight in layer.parameters()]}
        | {name: getattr(layer, name) for name in names if hasattr(layer, name)}
        for layer in network.modules()
        if not list(layer.children())
    ]


@pytest.mark.parametrize("stem", ["imagenet", "cifar"])
@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
def test_grey_images_change_nothing_but_the_first_convolution(
    build: Callable[[int, int, str], nn.Module], stem: str
) -> None:
    with torch.device("meta"):
        colour, grey = (describe_layers(build(channels, 7, stem)) for channels in (3, 1))
    first, *others = grey
    assert others == colour[1:]
    (filters, _, *side), *bias = first["weights"]
    assert first == colour[0] | {"in_channels": 1, "weights": [(filters, 1, *side), *bias]}
    assert 7 in {size for layer in others for size in [layer.get("out_features")]}


STEMS = {  # name -> filters, kernel, stride and padding of the first convolution: of imagenet, of cifar
    "resnet18": ((64, 7, 2, 3), (64, 3, 1, 1)),
    "alexnet": ((64, 11, 4, 2), (64, 3, 1, 1)),
    "vgg16": ((64, 3, 1, 1), (64, 3, 1, 1)),
    "mobilenet_v2": ((32, 3, 2, 1), (32, 3, 1, 1)),
    "densenet121": ((64, 7, 2, 3), (64, 3, 1, 1)),
    "convnext_tiny": ((96, 4, 4, 0), (96, 2, 2, 0)),
}


@pytest.mark.parametrize("name", STEMS)
def test_the_stem_for_small_images_does_not_shrink_them(name: str) -> None:
    for stem, expected in zip(("imagenet", "cifar"), STEMS[name], strict=True):
        with torch.device("meta"):
            first = describe_layers(getattr(nets, name)(1, 7, stem))[0]
        found = first["out_channels"], *(first[part][0] for part in ("kernel_size", "stride", "padding"))
        assert found == expected, stem
