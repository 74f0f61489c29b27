"""Random numbers of a look at an image: they follow from its pixels, so that no answer depends on the batch.

Who attacks draws for a purpose of its own: it knows how a defence draws, and never what the judge will draw.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from tasks.seeds import derive_seed

Prepare = Callable[[Callable[[Tensor], Tensor]], Tensor]
"""(what to make of the training images) -> what was made of them."""


class Draws:
    """The random numbers with which one transformation looks at a batch once."""

    def __init__(self, pixels: Tensor, purpose: object, prepare: Prepare | None = None) -> None:
        """:param pixels: float [N, C, H, W].
        :param purpose: tells looks, places and users apart.
        :param prepare: for a transformation that looks at training images: makes something of them, once.
        """
        self._pixels, self._purpose, self._prepare = pixels, purpose, prepare

    @cached_property
    def _generators(self) -> list[torch.Generator]:
        rows = self._pixels.detach().to("cpu", torch.float32).contiguous().numpy()
        digests = (hashlib.blake2b(row.tobytes(), digest_size=16).hexdigest() for row in rows)
        return [torch.Generator().manual_seed(derive_seed(self._purpose, digest)) for digest in digests]

    def draw_uniform(self, count: int) -> Tensor:
        """float [N, count] in [0, 1)."""
        return self._stack([torch.rand(count, generator=each) for each in self._generators])

    def draw_normal(self) -> Tensor:
        """Standard normal values of the shape of the images, float [N, C, H, W]."""
        shape = self._pixels.shape[1:]
        return self._stack([torch.randn(shape, generator=each) for each in self._generators])

    def prepare(self, make: Callable[[Tensor], Tensor]) -> Tensor:
        """What `make` makes of the training images, float [M, C, H, W] in [0, 1]; made at the first look and kept."""
        assert self._prepare is not None, "no training images were given"
        return self._prepare(make)

    def _stack(self, drawn: list[Tensor]) -> Tensor:
        return torch.stack(drawn).to(self._pixels.device)
