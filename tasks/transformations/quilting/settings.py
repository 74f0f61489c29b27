"""Settings of image quilting."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator
from typing_extensions import Self

from tasks.settings import Count, keyed
from tasks.settings_rules import refuse
from tasks.transformations.base import TransformationSettings


class QuiltingSettings(TransformationSettings):
    """An image made of patches of clean training images, each one of the nearest to what stood in its place."""

    transform = "tasks.transformations.quilting.transform:quilt_images"
    paper = "Guo et al. 2018, arXiv 1711.00117"
    random = True
    needs_training_images = True
    name: Literal["quilting"] = keyed("quilting")
    patch: Count = keyed(5, ge=2, le=64)
    """Side of a patch in pixels."""
    overlap: Count = keyed(2, ge=1, le=32)
    """Pixels that neighbours share; a seam of least error runs through them."""
    database: Count = keyed(20_000, ge=1, le=10_000_000)
    """Patches of training images to choose from."""
    neighbours: Count = keyed(10, ge=1, le=10_000)
    """Nearest patches of which one is drawn."""

    def find_image_problem(self, channels: int, side: int | None) -> tuple[str, str] | None:  # noqa: ARG002
        if side is None or self.patch <= side:
            return None
        return "patch", f"a patch is larger than the images, which have {side}x{side} pixels: at most {side}"

    @model_validator(mode="after")
    def _patches_move_on(self) -> Self:
        if self.overlap >= self.patch:
            refuse("quilting.overlap must be smaller than quilting.patch", "overlap", "patch")
        if self.neighbours > self.database:
            refuse("quilting.neighbours must be at most quilting.database", "neighbours", "database")
        return self
