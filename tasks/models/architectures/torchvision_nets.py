"""torchvision's networks with a stem for small or for large images.

The imagenet stem is torchvision's own. The cifar stem is made for images of about 32x32 pixels: it does not shrink
them before the first block, and the classifiers of AlexNet and VGG take what is left of them.
"""

from __future__ import annotations

from typing import cast

from torch import nn

from tasks.models.torchvision_networks import models


def _build_resnet(name: str, channels: int, classes: int, stem: str) -> nn.Module:
    """He et al. 2016 (arXiv 1512.03385); twice as wide inside the blocks: Zagoruyko and Komodakis 2016 (1605.07146)."""
    net: nn.Module = models.get_model(name, weights=None, num_classes=classes)
    if stem == "cifar":
        net.conv1 = nn.Conv2d(channels, 64, 3, 1, 1, bias=False)
        net.maxpool = nn.Identity()
    elif channels != 3:
        net.conv1 = nn.Conv2d(channels, 64, 7, 2, 3, bias=False)
    return net


def resnet18(channels: int, classes: int, stem: str) -> nn.Module:
    """11 million parameters for ten classes; takes [N, channels, H, W], returns logits [N, classes]."""
    return _build_resnet("resnet18", channels, classes, stem)


def resnet34(channels: int, classes: int, stem: str) -> nn.Module:
    """21 million parameters for ten classes; takes [N, channels, H, W], returns logits [N, classes]."""
    return _build_resnet("resnet34", channels, classes, stem)


def resnet50(channels: int, classes: int, stem: str) -> nn.Module:
    """24 million parameters for ten classes; takes [N, channels, H, W], returns logits [N, classes]."""
    return _build_resnet("resnet50", channels, classes, stem)


def wide_resnet50_2(channels: int, classes: int, stem: str) -> nn.Module:
    """67 million parameters for ten classes; takes [N, channels, H, W], returns logits [N, classes]."""
    return _build_resnet("wide_resnet50_2", channels, classes, stem)


def alexnet(channels: int, classes: int, stem: str) -> nn.Module:
    """Krizhevsky 2014 (arXiv 1404.5997); with the cifar stem 3x3 positions are left of 32x32."""
    net = cast(models.AlexNet, models.get_model("alexnet", weights=None, num_classes=classes))
    if stem == "cifar":
        net.features[0] = nn.Conv2d(channels, 64, 3, 1, 1)
        net.avgpool = nn.AdaptiveAvgPool2d(3)
        net.classifier[1] = nn.Linear(256 * 9, 4096)
    elif channels != 3:
        net.features[0] = nn.Conv2d(channels, 64, 11, 4, 2)
    return cast(nn.Module, net)


def _build_vgg(name: str, channels: int, classes: int, stem: str) -> nn.Module:
    """Simonyan and Zisserman 2015 (arXiv 1409.1556); with the cifar stem one position is left of 32x32."""
    net = cast(models.VGG, models.get_model(name, weights=None, num_classes=classes))
    if stem == "cifar":
        net.avgpool = nn.AdaptiveAvgPool2d(1)
        net.classifier[0] = nn.Linear(512, 4096)
    if channels != 3:
        net.features[0] = nn.Conv2d(channels, 64, 3, 1, 1)
    return cast(nn.Module, net)


def vgg16(channels: int, classes: int, stem: str) -> nn.Module:
    """Without batch norm; takes [N, channels, H, W], returns logits [N, classes]."""
    return _build_vgg("vgg16", channels, classes, stem)


def vgg16_bn(channels: int, classes: int, stem: str) -> nn.Module:
    """With batch norm behind each convolution; takes [N, channels, H, W], returns logits [N, classes]."""
    return _build_vgg("vgg16_bn", channels, classes, stem)


def mobilenet_v2(channels: int, classes: int, stem: str) -> nn.Module:
    """Sandler et al. 2018 (arXiv 1801.04381); with the cifar stem its first two strides are 1.

    Takes [N, channels, H, W], returns logits [N, classes].
    """
    net = cast(models.MobileNetV2, models.get_model("mobilenet_v2", weights=None, num_classes=classes))
    if stem == "cifar" or channels != 3:
        _replace_first_convolution(
            net.features[0], nn.Conv2d(channels, 32, 3, 1 if stem == "cifar" else 2, 1, bias=False)
        )
    if stem == "cifar":
        depthwise = net.features[2].get_submodule("conv.1.0")
        assert isinstance(depthwise, nn.Conv2d), "the second block has a depthwise convolution"
        depthwise.stride = (1, 1)
    return cast(nn.Module, net)


def densenet121(channels: int, classes: int, stem: str) -> nn.Module:
    """Huang et al. 2017 (arXiv 1608.06993); takes [N, channels, H, W], returns logits [N, classes]."""
    net = cast(models.DenseNet, models.get_model("densenet121", weights=None, num_classes=classes))
    if stem == "cifar":
        net.features.conv0 = nn.Conv2d(channels, 64, 3, 1, 1, bias=False)
        net.features.pool0 = nn.Identity()
    elif channels != 3:
        net.features.conv0 = nn.Conv2d(channels, 64, 7, 2, 3, bias=False)
    return cast(nn.Module, net)


def convnext_tiny(channels: int, classes: int, stem: str) -> nn.Module:
    """Liu et al. 2022 (arXiv 2201.03545); with the cifar stem its first patches are of 2x2 pixels, not of 4x4.

    Takes [N, channels, H, W], returns logits [N, classes].
    """
    net = cast(models.ConvNeXt, models.get_model("convnext_tiny", weights=None, num_classes=classes))
    if stem == "cifar" or channels != 3:
        patch = 2 if stem == "cifar" else 4
        _replace_first_convolution(net.features[0], nn.Conv2d(channels, 96, patch, patch))
    return cast(nn.Module, net)


def _replace_first_convolution(part: nn.Module, convolution: nn.Conv2d) -> None:
    assert isinstance(part, nn.Sequential), "the stem is a sequence that begins with a convolution"
    part[0] = convolution
