"""Settings of noise at inference."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from tasks.settings import Number, keyed
from tasks.transformations.base import TransformationSettings

MOST_NOISE = 4.0
"""A standard deviation above this is a mistake: the range of a pixel is 1, and studies of smoothing end at 3.5."""


def _check_noise(sigma: float) -> float:
    if sigma > MOST_NOISE:
        meant = f"; did you mean {sigma:g}/255?" if sigma <= 255 else ""
        text = f"no image of [0, 1] needs noise of a standard deviation above {MOST_NOISE:g}{meant}"
        raise PydanticCustomError("noise", "{text}", {"text": text})
    return sigma


NoiseLevel = Annotated[Number, AfterValidator(_check_noise)]
"""Standard deviation of Gaussian noise in pixels of [0, 1], at most 4."""


class NoiseSettings(TransformationSettings):
    """Gaussian noise."""

    transform = "tasks.transformations.noise.transform:add_noise"
    paper = "Liu et al. 2018, arXiv 1712.00673"
    differentiable = True
    random = True
    name: Literal["noise"] = keyed("noise")
    sigma: NoiseLevel = keyed(0.1, gt=0)
    """Standard deviation in pixels of [0, 1], at most 4; values may leave that range."""
