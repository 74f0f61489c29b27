"""The wide residual network of the robustness benchmarks, for images of 32x32 pixels.

S. Zagoruyko and N. Komodakis, Wide residual networks, 2016 (arXiv 1605.07146): batch norm and ReLU before each
convolution, three groups of blocks, widths in multiples of 16.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn


class Block(nn.Module):
    """Batch norm, ReLU and a 3x3 convolution, twice; the shortcut starts behind the first ReLU where shapes change."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.relu = nn.ReLU()
        self.same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if self.same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """float [N, inputs, H, W] -> float [N, outputs, H / stride, W / stride]."""
        active = self.relu(self.bn1(x))
        h = self.conv2(self.relu(self.bn2(self.conv1(active))))
        return cast(Tensor, h + self.shortcut(x if self.same else active))


class WideResNet(nn.Module):
    """`6 n + 4` layers deep for n blocks a group."""

    def __init__(self, channels: int, classes: int, depth: int, width: int) -> None:
        super().__init__()
        blocks, widths = (depth - 4) // 6, (16 * width, 32 * width, 64 * width)
        self.conv1 = nn.Conv2d(channels, 16, 3, 1, 1, bias=False)
        self.layer1 = _build_group(blocks, 16, widths[0], stride=1)
        self.layer2 = _build_group(blocks, widths[0], widths[1], stride=2)
        self.layer3 = _build_group(blocks, widths[1], widths[2], stride=2)
        self.bn = nn.BatchNorm2d(widths[2])
        self.relu = nn.ReLU()
        self.fc = nn.Linear(widths[2], classes)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised images, float [N, channels, H, W] -> logits, float [N, classes]."""
        h = self.layer3(self.layer2(self.layer1(self.conv1(x))))
        return cast(Tensor, self.fc(self.relu(self.bn(h)).mean((2, 3))))


def _build_group(blocks: int, inputs: int, outputs: int, stride: int) -> nn.Sequential:
    rest = (Block(outputs, outputs, 1) for _ in range(blocks - 1))
    return nn.Sequential(Block(inputs, outputs, stride), *rest)


def wide_resnet28_10(channels: int, classes: int, stem: str) -> nn.Module:  # noqa: ARG001
    """36.5 million parameters; it has one stem, so `stem` changes nothing."""
    return WideResNet(channels, classes, depth=28, width=10)


def wide_resnet34_10(channels: int, classes: int, stem: str) -> nn.Module:  # noqa: ARG001
    """46.2 million parameters; it has one stem, so `stem` changes nothing."""
    return WideResNet(channels, classes, depth=34, width=10)


def wide_resnet70_16(channels: int, classes: int, stem: str) -> nn.Module:  # noqa: ARG001
    """267 million parameters; it has one stem, so `stem` changes nothing."""
    return WideResNet(channels, classes, depth=70, width=16)
