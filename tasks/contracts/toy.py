"""A small model and its images, on which attacks and objectives are tried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from tasks.data.images import Images, convert_to_float
from tasks.errors import UsageError
from tasks.models.build import NormalizedModel
from tasks.settings import Settings

CLASSES, IMAGES, SIZE = 4, 12, 8
GUESSES: Mapping[str, Any] = {"eps": 0.1, "attack": {"name": "pgd", "eps": 0.1, "steps": 2}, "lambda": 0.5}
"""Values of required settings that many parts have."""
MOST_STEPS = 20


def build_model(seed: int = 0) -> NormalizedModel:
    """A network of two layers for grey images of 8x8 pixels and four classes, in evaluation mode."""
    torch.manual_seed(seed)
    layers = [nn.Conv2d(1, 6, 3, stride=2), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(54, CLASSES)]
    return NormalizedModel(nn.Sequential(*layers), 0.5, 0.25).eval()


def make_images(model: nn.Module) -> Images:
    """Random images [N, 1, 8, 8], each labelled as the model sees it."""
    pixels = torch.randint(30, 226, (IMAGES, 1, SIZE, SIZE), generator=torch.Generator().manual_seed(4)).byte()
    with torch.no_grad():
        labels: Tensor = model(convert_to_float(pixels)).argmax(1)
    return Images(pixels, labels, tuple(map(str, range(CLASSES))))


def fill_settings(cls: type[Settings], name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a part with what it requires, and few steps.

    :param given: settings that somebody chose, which count.
    :raises UsageError: a required setting that nobody can guess was not given.
    """
    found: dict[str, Any] = {"name": name, **given}
    for field, info in cls.model_fields.items():
        written = info.alias or field
        if written in found:
            continue
        if info.is_required():
            if written not in GUESSES:
                raise UsageError(f"setting {written!r} has no default: give --set {name}.{written}=VALUE")
            found[written] = GUESSES[written]
        elif field == "steps" and isinstance(info.default, int) and info.default > MOST_STEPS:
            found[written] = MOST_STEPS
    return found
