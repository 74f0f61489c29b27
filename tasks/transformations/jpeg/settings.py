"""Settings of JPEG compression."""

from __future__ import annotations

from typing import Literal

from tasks.settings import Count, keyed
from tasks.transformations.base import TransformationSettings


class JpegSettings(TransformationSettings):
    """JPEG compression."""

    transform = "tasks.transformations.jpeg.transform:compress_jpeg"
    paper = "Dziugaite et al. 2016, arXiv 1608.00853; Guo et al. 2018, arXiv 1711.00117"
    name: Literal["jpeg"] = keyed("jpeg")
    quality: Count = keyed(75, ge=1, le=100)
