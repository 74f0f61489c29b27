"""What a generator is given to train itself with, and how one is built."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from tasks.data.images import Images, convert_to_float
from tasks.generators.base import GeneratorSettings
from tasks.registry import load_object
from tasks.seeds import derive_seed, make_generator
from tasks.transfer import send


@dataclass(frozen=True)
class GeneratorJob:
    """The training of one generator."""

    images: Images
    """The training part, on the device where the generator is."""
    seed: int
    target: nn.Module | None
    """The model under attack, frozen: pixels float [N, C, H, W] of [0, 1] -> logits float [N, classes]; null where the
    generator needs none."""
    note_epoch: Callable[[dict[str, Any]], None]
    """Told after each epoch its entry of the history: columns of `schema.HISTORY`."""

    def make_generator(self, *purpose: object) -> torch.Generator:
        """Random numbers for this purpose, on the CPU."""
        return make_generator(self.seed, "generator", *purpose)

    def draw_normal(self, like: Tensor, *purpose: object) -> Tensor:
        """Standard normal numbers in the shape of a tensor, [N, C, H, W], and on its device."""
        drawn = torch.randn(like.shape, generator=self.make_generator("normal", *purpose))
        return send(drawn, like.device)

    def read_epoch(self, epoch: int, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """All images once in an order of the epoch: pixels float [n, C, H, W] of [0, 1] and labels int64 [n]."""
        order = torch.randperm(len(self.images), generator=self.make_generator("order", epoch))
        for index, pixels in self.images.read_batches(order.split(size)):
            yield convert_to_float(pixels), self.images.labels[index]


class Generator(nn.Module, ABC):
    """Base of the networks: what it answers, its settings say."""

    @abstractmethod
    def fit(self, job: GeneratorJob) -> None:
        """Train the weights; what is in them afterwards is published."""


def build_generator(settings: GeneratorSettings, image_shape: tuple[int, ...], classes: int, seed: int) -> Generator:
    """A generator with first weights drawn from a seed."""
    build = cast("Callable[..., Generator]", load_object(type(settings).build))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "generator", "weights"))
        return build(settings, image_shape, classes)
