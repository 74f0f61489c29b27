"""What a crafting function is given and what it returns."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from tasks.attacks.norms import Norm
from tasks.attacks.prepare import Target
from tasks.seeds import generator

if TYPE_CHECKING:
    from tasks.attacks.settings import MethodSettings

Crafted = dict[int, Tensor]
"""Number of steps -> adversarial images, float [N, C, H, W] in [0, 1]."""


@dataclass(frozen=True)
class Job:
    """One batch to attack."""

    target: Target
    clean: Tensor
    """float [N, C, H, W] in [0, 1]."""
    labels: Tensor
    """int64 [N]."""
    counts: tuple[int, ...]
    """The numbers of steps to report; one for attacks that share no trajectory."""
    index: Tensor
    """int64 [N]: the place of each image in its split; random numbers are drawn for it, whatever the batch."""
    seed: int = 0
    stop_when_fooled: bool = True
    scale: float = 1.0
    """Pixels per unit of eps and step size."""

    def subset(self, chosen: Tensor) -> Job:
        """The same for some of the images."""
        return replace(self, clean=self.clean[chosen], labels=self.labels[chosen], index=self.index[chosen])


def random_starts(job: Job, norm: Norm, eps: float, restart: int) -> Tensor:
    """One random perturbation per image, the same whatever the batch, the order or the device."""
    shape = job.clean.shape[1:]
    drawn = [norm.random(shape, eps, generator(job.seed, "start", restart, place)) for place in job.index.tolist()]
    return torch.stack(drawn).to(job.clean.device)


def crafter(settings: MethodSettings) -> Callable[[Job, MethodSettings], Crafted]:
    """The function that crafts with these settings; its module is imported now."""
    module, function = settings.craft.split(":")
    return cast("Callable[[Job, MethodSettings], Crafted]", getattr(importlib.import_module(module), function))
