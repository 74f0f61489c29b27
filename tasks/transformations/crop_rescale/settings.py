"""Settings of cropping and rescaling."""

from __future__ import annotations

from typing import Literal

from tasks.settings import Number, keyed
from tasks.transformations.base import TransformationSettings


class CropRescaleSettings(TransformationSettings):
    """A random square of the image, rescaled to its size."""

    transform = "tasks.transformations.crop_rescale.transform:crop_and_rescale"
    paper = "Guo et al. 2018, arXiv 1711.00117"
    differentiable = True
    random = True
    name: Literal["crop_rescale"] = keyed("crop_rescale")
    share: Number = keyed(0.875, gt=0, le=1)
    """Side of the square as a share of the image's."""
