"""Networks of torchvision for small images: what their first layers leave of an image."""

from __future__ import annotations

from typing import Any

import pytest
import torch


@pytest.mark.parametrize(
    ("channels", "stem", "kernel", "sides"),
    [(1, "cifar", 3, (32, 4)), (3, "cifar", 3, (32, 4)), (1, "imagenet", 7, (16, 1)), (3, "imagenet", 7, (16, 1))],
)
def test_the_stem_of_small_images_keeps_their_size(
    channels: int, stem: str, kernel: int, sides: tuple[int, int]
) -> None:
    """The stem of ImageNet halves an image twice before the first block, by its step and by its pooling."""
    from tasks.models.architectures.torchvision_nets import resnet18

    net: Any = resnet18(channels, 5, stem).eval()
    assert net.conv1.weight.shape == (64, channels, kernel, kernel)
    seen: list[int] = []
    for layer in (net.conv1, net.layer4):
        layer.register_forward_hook(lambda _, given, made: seen.append(made.shape[-1]))  # noqa: ARG005
    with torch.no_grad():
        assert net(torch.rand(1, channels, 32, 32)).shape == (1, 5)
    assert tuple(seen) == sides
