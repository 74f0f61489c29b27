"""What all transformations have in common: how a section names one, and what others must know of it.

This module imports nothing heavy, so that a plan can be made without torch.
"""

from __future__ import annotations

from typing import Any, ClassVar

from tasks.settings import Settings, keyed


class TransformationSettings(Settings):
    """Base of all transformations of images before a model sees them.

    The class variables say what an attack must know to see through one: whether a gradient passes it, and whether it
    draws.
    """

    transform: ClassVar[Any]
    """`module:function`, or the function: (images float [N, C, H, W], settings, `Draws`) -> images of the same shape;
    imported when an attack stage runs."""
    paper: ClassVar[str] = ""
    """Who described it, and where."""
    differentiable: ClassVar[bool] = False
    """Whether a gradient passes through it. If not, attacks take it for the identity on the way back (BPDA, Athalye et
    al. 2018, arXiv 1802.00420)."""
    random: ClassVar[bool] = False
    """Whether two looks at one image may differ. If so, attacks follow the mean of many looks (EOT, the same paper)."""
    needs_training_images: ClassVar[bool] = False
    """Whether it looks at the training part of the data set."""

    name: str = keyed()

    def find_image_problem(self, channels: int, side: int | None) -> tuple[str, str] | None:  # noqa: ARG002
        """The setting that does not fit square images of so many channels and pixels a side, and why; null: all do.

        :param side: null where it is not known before the images are read.
        """
        return None

    @property
    def label(self) -> str:
        """Its name, and what differs from the defaults: `jpeg(quality 50)`."""
        fields = type(self).model_fields
        changed = {name: getattr(self, name) for name in fields if name != "name"}
        told = [f"{name} {value}" for name, value in changed.items() if value != fields[name].default]
        return f"{self.name}({', '.join(told)})" if told else self.name
