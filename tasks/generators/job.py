"""What a generator is given to train itself with, and how one is built."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from tasks.data.images import Images, convert_to_float
from tasks.generators.base import GeneratorSettings
from tasks.registry import load_object
from tasks.seeds import derive_seed, make_generator
from tasks.transfer import send


class Stateful(Protocol):
    """What a checkpoint can hold: a network, an optimizer, a schedule, sums of an epoch."""

    def state_dict(self) -> Mapping[str, Any]:
        """Tensors, numbers, texts and null, and mappings and lists of these."""
        ...

    def load_state_dict(self, state: dict[str, Any], /) -> Any:
        """Go on from such a state."""
        ...


class Progress(Protocol):
    """How far a training is, and who keeps that."""

    saved_batches: int
    """Those that a checkpoint has saved of the epoch in progress, until it is read."""

    def resume(self, parts: Mapping[str, Stateful]) -> int:
        """Bring the parts to where the last checkpoint has them, and keep them from now on; the epochs it saves."""
        ...

    def begin_reading(self) -> None:
        """Told when the images of an epoch are read from their beginning, or from behind those that are saved."""
        ...

    def note_batch(self, batches: int) -> None:
        """Told in the middle of an epoch how many batches are done; here a checkpoint may be written."""
        ...


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
    progress: Progress | None = None
    """null: there are no checkpoints."""

    @property
    def finished_batches(self) -> int:
        """Those of the epoch in progress that a checkpoint has saved."""
        return self.progress.saved_batches if self.progress else 0

    def resume(self, **parts: Stateful) -> int:
        """Go on from the last checkpoint, if there is one; how many epochs are finished.

        :param parts: everything that the rest of the training depends on. From now on a checkpoint holds it, with
            torch's own random numbers. A generator that never calls this begins anew after a kill.
        """
        return self.progress.resume(parts) if self.progress else 0

    def make_generator(self, *purpose: object) -> torch.Generator:
        """Random numbers for this purpose, on the CPU."""
        return make_generator(self.seed, "generator", *purpose)

    def draw_normal(self, like: Tensor, *purpose: object) -> Tensor:
        """Standard normal numbers in the shape of a tensor, [N, C, H, W], and on its device."""
        drawn = torch.randn(like.shape, generator=self.make_generator("normal", *purpose))
        return send(drawn, like.device)

    def read_epoch(self, epoch: int, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """All images once in an order of the epoch: pixels float [n, C, H, W] of [0, 1] and labels int64 [n].

        Those before `finished_batches` are left out. Whoever asks for the next batch is done with the one before.
        """
        order = torch.randperm(len(self.images), generator=self.make_generator("order", epoch))
        batches, done = order.split(size), self.finished_batches
        if self.progress:
            self.progress.begin_reading()
        for number, (index, pixels) in enumerate(self.images.read_batches(batches[done:]), done + 1):
            yield convert_to_float(pixels), self.images.labels[index]
            if self.progress and number < len(batches):
                self.progress.note_batch(number)


class EpochSums:
    """What an epoch adds up on the device, so that the host waits for it once."""

    def __init__(self, count: int, device: torch.device) -> None:
        self._totals = torch.zeros(count, dtype=torch.float64, device=device)
        self._images = 0

    def add(self, images: int, *sums: Tensor) -> None:
        """Add a batch of so many images: one sum over them, [], for each figure."""
        self._totals += torch.stack([each.detach().double() for each in sums])
        self._images += images

    def take_means(self) -> list[float]:
        """The figures per image; the sums begin anew."""
        means = [total / self._images for total in self._totals.tolist()]
        self._totals.zero_()
        self._images = 0
        return means

    def state_dict(self) -> dict[str, Any]:
        return {"totals": self._totals, "images": self._images}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._totals.copy_(state["totals"])
        self._images = int(state["images"])


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
