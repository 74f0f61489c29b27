"""Wide residual networks with swish in the place of ReLU, which train to higher robust accuracy.

S. Gowal et al., Uncovering the limits of adversarial training against norm-bounded adversarial examples, 2020
(arXiv 2010.03593). Convolutions of stride 2 are padded below and to the right alone. Weights have the names that the
authors' files and the model zoo of RobustBench give them.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F


class Block(nn.Module):
    """Batch norm, swish and a 3x3 convolution, twice; where widths change the shortcut starts behind the first."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.batchnorm_0 = nn.BatchNorm2d(inputs)
        self.conv_0 = nn.Conv2d(inputs, outputs, 3, stride, 0, bias=False)
        self.batchnorm_1 = nn.BatchNorm2d(outputs)
        self.conv_1 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.swish = nn.SiLU()
        self.padding = (1, 1, 1, 1) if stride == 1 else (0, 1, 0, 1)
        self.changes = inputs != outputs
        if self.changes:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """float [N, inputs, H, W] -> float [N, outputs, H / stride, W / stride]."""
        active = self.swish(self.batchnorm_0(x))
        h = self.conv_1(self.swish(self.batchnorm_1(self.conv_0(F.pad(active, self.padding)))))
        return cast(Tensor, h + (self.shortcut(active) if self.changes else x))


class _Group(nn.Module):
    """Blocks of one width, of which the first may halve the size."""

    def __init__(self, blocks: int, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        rest = (Block(outputs, outputs, 1) for _ in range(blocks - 1))
        self.block = nn.Sequential(Block(inputs, outputs, stride), *rest)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.block(x))


class SwishWideResNet(nn.Module):
    """`6 n + 4` layers deep for n blocks a group."""

    def __init__(self, channels: int, classes: int, depth: int, width: int) -> None:
        super().__init__()
        blocks, widths = (depth - 4) // 6, (16 * width, 32 * width, 64 * width)
        self.init_conv = nn.Conv2d(channels, 16, 3, 1, 1, bias=False)
        self.layer = nn.Sequential(
            _Group(blocks, 16, widths[0], 1),
            _Group(blocks, widths[0], widths[1], 2),
            _Group(blocks, widths[1], widths[2], 2),
        )
        self.batchnorm = nn.BatchNorm2d(widths[2])
        self.swish = nn.SiLU()
        self.logits = nn.Linear(widths[2], classes)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised images, float [N, channels, H, W] -> logits, float [N, classes]."""
        return cast(Tensor, self.logits(self.swish(self.batchnorm(self.layer(self.init_conv(x)))).mean((2, 3))))


def swish_wide_resnet28_10(channels: int, classes: int, stem: str) -> nn.Module:  # noqa: ARG001
    """36.5 million parameters; `stem` changes nothing."""
    return SwishWideResNet(channels, classes, 28, 10)


def swish_wide_resnet34_10(channels: int, classes: int, stem: str) -> nn.Module:  # noqa: ARG001
    """46.2 million parameters; `stem` changes nothing."""
    return SwishWideResNet(channels, classes, 34, 10)


def swish_wide_resnet70_16(channels: int, classes: int, stem: str) -> nn.Module:  # noqa: ARG001
    """267 million parameters; `stem` changes nothing."""
    return SwishWideResNet(channels, classes, 70, 16)
