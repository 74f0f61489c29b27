"""Residual networks whose batch norm and ReLU stand before each convolution, for images of 32x32 pixels.

K. He et al., Identity mappings in deep residual networks, 2016 (arXiv 1603.05027). Weights have the names that the
model zoo of RobustBench gives them.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

WIDTHS = (64, 128, 256, 512)


class Block(nn.Module):
    """Batch norm, ReLU and a 3x3 convolution, twice; where shapes change the shortcut is a 1x1 convolution.

    :param inputs, outputs: channels.
    :param late_shortcut: whether the shortcut takes what is behind the first ReLU rather than the input.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, late_shortcut: bool) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.relu = nn.ReLU()
        self.late_shortcut = late_shortcut
        self.changes = stride != 1 or inputs != outputs
        if self.changes:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """float [N, inputs, H, W] -> float [N, outputs, H / stride, W / stride]."""
        active = self.relu(self.bn1(x))
        beside = self.shortcut(active if self.late_shortcut else x) if self.changes else x
        return cast(Tensor, self.conv2(self.relu(self.bn2(self.conv1(active)))) + beside)


class PreActResNet18(nn.Module):
    """Four groups of two blocks, global average, linear.

    :param last_norm: whether batch norm and ReLU stand before the average.
    """

    def __init__(self, channels: int, classes: int, *, late_shortcut: bool, last_norm: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, WIDTHS[0], 3, 1, 1, bias=False)
        before = (WIDTHS[0], *WIDTHS)
        for group, width in enumerate(WIDTHS):
            first = Block(before[group], width, 1 if group == 0 else 2, late_shortcut)
            self.add_module(f"layer{group + 1}", nn.Sequential(first, Block(width, width, 1, late_shortcut)))
        self.last_norm = last_norm
        if last_norm:
            self.bn = nn.BatchNorm2d(WIDTHS[-1])
        self.relu = nn.ReLU()
        self.linear = nn.Linear(WIDTHS[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised images, float [N, channels, H, W] -> logits, float [N, classes]."""
        h = self.conv1(x)
        for group in range(1, len(WIDTHS) + 1):
            h = self.get_submodule(f"layer{group}")(h)
        if self.last_norm:
            h = self.relu(self.bn(h))
        return cast(Tensor, self.linear(h.mean((2, 3))))


def preact_resnet18(channels: int, classes: int, stem: str) -> nn.Module:  # noqa: ARG001
    """11.2 million parameters, without batch norm before the average; `stem` changes nothing."""
    return PreActResNet18(channels, classes, late_shortcut=False, last_norm=False)


def preact_resnet18_v2(channels: int, classes: int, stem: str) -> nn.Module:  # noqa: ARG001
    """The same with batch norm before the average, and shortcuts that start behind the first ReLU of a block."""
    return PreActResNet18(channels, classes, late_shortcut=True, last_norm=True)
