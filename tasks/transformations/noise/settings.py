"""Settings of noise at inference."""

from __future__ import annotations

from typing import Literal

from tasks.settings import Number, keyed
from tasks.transformations.base import TransformationSettings


class NoiseSettings(TransformationSettings):
    """Gaussian noise."""

    transform = "tasks.transformations.noise.transform:add_noise"
    paper = "Liu et al. 2018, arXiv 1712.00673"
    differentiable = True
    random = True
    name: Literal["noise"] = keyed("noise")
    sigma: Number = keyed(0.1, gt=0)
    """Standard deviation in pixels of [0, 1]; values may leave that range."""
