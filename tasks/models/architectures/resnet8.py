"""A small residual network of about 20,000 parameters, for grey images of 28x28 or 32x32 pixels."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn


class Block(nn.Module):
    """Two 3x3 convolutions with batch norm and a shortcut; the shortcut is a 1x1 convolution where shapes change."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """float [N, inputs, H, W] -> float [N, outputs, H / stride, W / stride]."""
        h = self.relu(self.bn1(self.conv1(x)))
        return cast(Tensor, self.relu(self.bn2(self.conv2(h)) + self.downsample(x)))


class ResNet8(nn.Module):
    """Stem of 8 channels, blocks 8-8, 8-16 and 16-32 (the last two halve the size), global average, linear."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 8, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.relu = nn.ReLU()
        self.layer1 = Block(8, 8)
        self.layer2 = Block(8, 16, stride=2)
        self.layer3 = Block(16, 32, stride=2)
        self.fc = nn.Linear(32, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised images, float [N, channels, H, W] -> logits, float [N, classes]."""
        h = self.relu(self.bn1(self.conv1(x)))
        h = self.layer3(self.layer2(self.layer1(h)))
        return cast(Tensor, self.fc(h.mean((2, 3))))


def resnet8(channels: int, classes: int, stem: str) -> nn.Module:  # noqa: ARG001
    """The network; it has one stem, so `stem` changes nothing."""
    return ResNet8(channels, classes)
