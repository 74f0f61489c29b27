"""Every transformation by its name. To add one: make a folder here with `settings.py` and `transform.py`, and name it.

This module imports nothing heavy, so that a plan can be made without torch.
"""

from __future__ import annotations

from typing import Annotated

from tasks.part_names import ByName
from tasks.registry import Registry
from tasks.transformations.base import TransformationSettings

TRANSFORMATIONS: Registry[type[TransformationSettings]] = Registry(
    "transformation",
    {
        "crop_rescale": "tasks.transformations.crop_rescale.settings:CropRescaleSettings",
        "bit_depth": "tasks.transformations.bit_depth.settings:BitDepthSettings",
        "jpeg": "tasks.transformations.jpeg.settings:JpegSettings",
        "total_variation": "tasks.transformations.total_variation.settings:TotalVariationSettings",
        "quilting": "tasks.transformations.quilting.settings:QuiltingSettings",
        "noise": "tasks.transformations.noise.settings:NoiseSettings",
    },
)
"""Name in a search space -> settings."""

NamedTransformation = Annotated[TransformationSettings, ByName(TRANSFORMATIONS)]
