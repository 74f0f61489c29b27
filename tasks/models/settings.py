"""What a search space says about its model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from tasks.errors import choices
from tasks.models.registry import ARCHITECTURES
from tasks.settings import Number, Settings, keyed


def _known(name: str) -> str:
    if name not in ARCHITECTURES:
        raise PydanticCustomError("unknown", "{text}", {"text": f"unknown model; {choices(ARCHITECTURES, name)}"})
    return name


class ModelSettings(Settings):
    """An architecture, its stem, and the normalisation that is its first layer."""

    name: Annotated[str, AfterValidator(_known)] = keyed()
    stem: Literal["cifar", "imagenet"] = keyed("cifar")
    """`cifar`: a 3x3 convolution of stride 1 and no pooling first; `imagenet`: 7x7, stride 2 and max pooling."""
    mean: Number = keyed(0.5)
    """Subtracted from every pixel of [0, 1]."""
    std: Number = keyed(0.5, gt=0)
    """Every pixel is divided by it after that."""
