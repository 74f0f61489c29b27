"""What Carlini-Wagner and EAD share: the search for the smallest constant, the weight of being fooled beside the size.

Every image has a constant, a progress and an end of its own, so that what it gets does not depend on the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from tasks.attacks.base import ConstantSettings
from tasks.attacks.engine.fast_model import SURE, compute_margin
from tasks.attacks.engine.job import AttackJob

LARGEST = 1e10
PROGRESS = 0.9999
"""A lower loss is one below this share of what it was."""


@dataclass
class BestExamples:
    """The smallest success of every image so far."""

    images: Tensor
    sizes: Tensor
    """float [N]: infinite where there is none."""
    found: Tensor
    """bool [N]: whether there was one at the constant in use."""
    gained: Tensor
    """bool [N]: whether a smaller one was found since the last look at the progress."""

    @classmethod
    def none(cls, images: Tensor) -> BestExamples:
        """No success yet."""
        nothing = torch.zeros(len(images), dtype=torch.bool, device=images.device)
        return cls(images.clone(), torch.full(nothing.shape, torch.inf, device=images.device), nothing, nothing.clone())

    def worth(self, places: Tensor, sizes: Tensor) -> Tensor:
        """bool: whether it matters if the images at these places are fooled by a perturbation of this size."""
        return (sizes < self.sizes[places]) | ~self.found[places]

    def note(self, places: Tensor, pixels: Tensor, sizes: Tensor, fooled: Tensor) -> None:
        """Keep what is smaller than before, of the images at these places."""
        self.found[places] |= fooled
        better = fooled & (sizes < self.sizes[places])
        kept = places[better]
        self.images[kept], self.sizes[kept], self.gained[kept] = pixels[better], sizes[better], True


Descend = Callable[[AttackJob, Tensor, BestExamples], None]
"""(images, constants [N], where to note successes): one minimisation."""


def search(job: AttackJob, settings: ConstantSettings, descend: Descend) -> Tensor:
    """The smallest successes over all constants, [N, C, H, W]; clean where there is none."""
    best = BestExamples.none(job.clean)
    constants = torch.full_like(best.sizes, settings.initial_const)
    low, high = torch.zeros_like(constants), torch.full_like(constants, torch.inf)
    for turn in range(settings.binary_search_steps):
        if turn == settings.binary_search_steps - 1 >= 9:
            constants = high.clamp_max(LARGEST)  # where success was last seen, once more
        best.found, best.gained = torch.zeros_like(best.found), torch.zeros_like(best.found)
        descend(job, constants, best)
        high, low = torch.where(best.found, constants, high), torch.where(best.found, low, constants)
        constants = torch.where(high.isinf(), constants * 10, (low + high) / 2)
    return best.images


def compute_shortfall(job: AttackJob, logits: Tensor, confidence: float) -> Tensor:
    """By how much the attack misses what it is after, float [N]; 0 where it does not."""
    sure = 2 * SURE * logits.detach().abs().amax(1)  # an image that came to rest on the boundary would fool nobody
    missing: Tensor = (confidence + sure - compute_margin(logits, job.labels, job.targets)).clamp_min(0)
    return missing


def has_margin(job: AttackJob, pixels: Tensor, logits: Tensor, confidence: float) -> Tensor:
    """bool [N]: who is fooled, with a lead above the confidence."""
    fooled = job.reached(pixels, logits)
    return fooled & (compute_margin(logits, job.labels, job.targets) > confidence) if confidence else fooled


def sum_squares(delta: Tensor) -> Tensor:
    """The sum of squares of each image [N, C, H, W], [N]."""
    return delta.square().sum((1, 2, 3))


class EarlyAbort:
    """Which images still gain, looked at after every tenth of the steps: by a lower loss or a smaller success."""

    def __init__(self, settings: ConstantSettings, best: BestExamples) -> None:
        self._every = -(-settings.steps // 10) if settings.abort_early else 0
        self._best, self._before = best, torch.full_like(best.sizes, torch.inf)

    def going(self, step: int, places: Tensor, loss: Tensor) -> Tensor | None:
        """bool [N]: who goes on; null where nobody is looked at, or all go on."""
        if not self._every or step % self._every:
            return None
        going = (loss <= PROGRESS * self._before[places]) | self._best.gained[places]
        self._best.gained[places] = False
        self._before[places] = loss
        return None if going.all() else going
