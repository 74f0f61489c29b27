"""torchvision's residual networks with a stem for small or for large images (He et al. 2016, arXiv 1512.03385)."""

from __future__ import annotations

from torch import nn
from torchvision import models


def _resnet(name: str, channels: int, classes: int, stem: str) -> nn.Module:
    net: nn.Module = models.get_model(name, weights=None, num_classes=classes)
    if stem == "cifar":
        net.conv1 = nn.Conv2d(channels, 64, 3, 1, 1, bias=False)
        net.maxpool = nn.Identity()
    elif channels != 3:
        net.conv1 = nn.Conv2d(channels, 64, 7, 2, 3, bias=False)
    return net


def resnet18(channels: int, classes: int, stem: str) -> nn.Module:
    return _resnet("resnet18", channels, classes, stem)


def resnet34(channels: int, classes: int, stem: str) -> nn.Module:
    return _resnet("resnet34", channels, classes, stem)


def resnet50(channels: int, classes: int, stem: str) -> nn.Module:
    return _resnet("resnet50", channels, classes, stem)
