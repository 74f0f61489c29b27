"""Several successes of one walk, and which of them the search for fewer values goes on from.

A walk passes by one local minimum after another, and the fewest values found are not the ones from which the search
comes furthest. So each stretch of the walk gives its best, all are searched for a little, and the best of these for
the rest.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tasks.attacks.engine.constant_search import BestExamples
from tasks.attacks.engine.job import AttackJob
from tasks.attacks.engine.minimum_norm import Look, Walk, keep_smallest
from tasks.attacks.sigma_zero.search import search_fewer

STRETCHES = 4
"""Into how many a walk is divided."""
RACE = 0.5
"""The share of the steps of the search that all stretches take together."""


class StretchedWalk:
    """Moves as another walk does, and keeps the success of the fewest values in each stretch of it."""

    def __init__(self, walk: Walk, clean: Tensor, steps: int) -> None:
        self._walk, self._clean, self._steps = walk, clean, steps
        self._positions = torch.arange(len(clean), device=clean.device)
        self._best = [BestExamples.make_empty(clean) for _ in range(STRETCHES)]

    def move(self, look: Look) -> Tensor:
        """The next perturbations, float [N, C, H, W]."""
        best = self._best[look.step * STRETCHES // self._steps]
        best.record(self._positions, self._clean + look.delta, look.sizes, look.is_adversarial)
        return self._walk.move(look)

    def list_found(self) -> list[Tensor]:
        """The images of each stretch, float [N, C, H, W] in [0, 1]; clean where it had no success."""
        return [best.images for best in self._best]


def search_from_each(job: AttackJob, starts: list[Tensor], best: Tensor, steps: int) -> Tensor:
    """The images of the fewest changed values found from any of the starts, float [N, C, H, W] in [0, 1].

    :param starts: float [N, C, H, W] in [0, 1] each, clean where there is no success.
    :param best: of the starts that with the fewest values of each image, from which alone a search of few steps begins.
    :param steps: of all searches together.
    """
    each = int(RACE * steps) // len(starts)
    if each:
        best = keep_smallest(job.clean, [search_fewer(job, start, each) for start in starts], "l0")
    return search_fewer(job, best, steps - each * len(starts))
