"""Networks of timm and of torchvision, by the names that these give them."""

from __future__ import annotations

import importlib
from typing import Any

from torch import nn

from tasks.errors import StageError
from tasks.models.torchvision_networks import models

NO_AUXILIARY: dict[str, dict[str, Any]] = {
    "googlenet": {"aux_logits": False, "init_weights": True},
    "inception_v3": {"aux_logits": False, "init_weights": True},
}
"""Networks that would return a second pair of logits in training."""


def build_timm(name: str, channels: int, classes: int) -> nn.Module:
    """timm's network of that name, without its weights; takes [N, channels, H, W], returns logits [N, classes]."""
    net: nn.Module = importlib.import_module("timm").create_model(
        name, pretrained=False, num_classes=classes, in_chans=channels
    )
    return net


def build_torchvision(name: str, channels: int, classes: int) -> nn.Module:
    """torchvision's network of that name, without its weights; takes [N, 3, H, W], returns logits [N, classes].

    :raises StageError: the images are grey.
    """
    if channels != 3:
        raise StageError(f"torchvision:{name} takes images in colour, not of {channels} channel: dataset.channels = 3")
    net: nn.Module = models.get_model(name, weights=None, num_classes=classes, **NO_AUXILIARY.get(name, {}))
    return net
