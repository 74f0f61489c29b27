"""What a search space says about a denoiser."""

from __future__ import annotations

from typing import Literal

from tasks.generators.base import GeneratorSettings
from tasks.settings import Count, Number, keyed


class DenoiserSettings(GeneratorSettings):
    """A small U-shaped network that finds the noise in images, as in diffusion models: it knows the data, no model.

    It minimises the mean squared error at times drawn evenly from the whole diffusion, with the cosine schedule of
    Nichol and Dhariwal 2021 (arXiv 2102.09672); the published weights are their average over the last part of training.
    """

    build = "tasks.generators.denoiser.network:Denoiser"
    output = "noise"
    passes = 12.0
    architecture = ("width",)
    paper = "Ho et al. 2020, arXiv 2006.11239"

    name: Literal["denoiser"] = keyed("denoiser")
    epochs: Count = keyed(60, ge=1, le=100_000)
    batch_size: Count = keyed(64, ge=1, le=100_000)
    width: Count = keyed(16, ge=1, le=1024)
    """Filters at the size of the image; twice as many at half the size, four times at a quarter."""
    lr: Number = keyed(2e-3, gt=0)
    """Of Adam; it falls to zero along a half cosine."""
