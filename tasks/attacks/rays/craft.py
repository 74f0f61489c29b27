"""RayS: shrink a perturbation of signs, knowing the predicted class alone (Chen and Gu 2020, arXiv 2006.12792)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from tasks.attacks.engine.job import AttackJob, ExamplesBySteps, find_smallest
from tasks.attacks.engine.norms import shape_per_image
from tasks.attacks.engine.places import find_places
from tasks.attacks.rays.settings import RaysSettings

PRECISION = 1e-3
"""The search for the radius along a direction ends at this width, as in the paper."""
ROUNDED = 1.001
"""By how much a width may be larger than half of the one before, and more."""


def craft_rays(job: AttackJob, settings: RaysSettings) -> ExamplesBySteps:
    """The images of the smallest Linf perturbations found, [N, C, H, W] in [0, 1]."""
    return {job.step_counts[0]: find_smallest(job, lambda job: _search_directions(job, settings.steps))}


def _search_directions(job: AttackJob, steps: int) -> Tensor:
    """Flip the signs of ever smaller blocks; keep a flip where the model is fooled at the radius reached so far."""
    signs = torch.ones_like(job.clean).flatten(1)
    radius = torch.ones(len(signs), device=signs.device)
    radius, success = _shrink_radius(job, signs, radius)
    has_success = success
    for _, block in zip(range(steps), _list_blocks(signs.shape[1]), strict=False):
        flipped = signs.clone()
        flipped[:, block] *= -1
        shorter, success = _shrink_radius(job, flipped, radius)
        better = success & (~has_success | (shorter < radius))
        signs = torch.where(better[:, None], flipped, signs)
        radius = torch.where(better, shorter, radius)
        has_success = has_success | success
    return _move_images(job, signs, radius)


def _list_blocks(features: int) -> Iterator[slice]:
    """Where signs are flipped: the whole image, its halves, its quarters, down to single values."""
    size = features
    while True:
        for start in range(0, features, size):
            yield slice(start, start + size)
        if size == 1:
            return
        size = -(-size // 2)


def _shrink_radius(job: AttackJob, signs: Tensor, radius: Tensor) -> tuple[Tensor, Tensor]:
    """The radius [N] at which each direction still fools the model, at most `radius`, and whether it does at `radius`.

    :param signs: float [N, F], -1 or 1.
    """
    moved = _move_images(job, signs, radius)
    success, (count, width) = job.judge_and_ask(moved, partial(_count_and_measure, radius))
    if not count:
        return radius, success
    positions = find_places(success, count)
    chosen, directions = job.select(positions), signs[positions]
    low, high, doubtful = _bisect(chosen, directions, radius[positions], max((width - 1).bit_length(), 1))
    if job.model.original is not job.model.judge and (count := int(doubtful.sum())):
        _bisect_exactly(chosen, directions, low, high, find_places(doubtful, count))
    return radius.index_copy(0, positions, high), success


def _count_and_measure(radius: Tensor, success: Tensor) -> Tensor:
    """How many successes there are, and how many times the precision is the largest radius of them; int64 [2]."""
    largest = torch.where(success, radius, 0).max()
    widths = (largest * (ROUNDED / PRECISION)).ceil().long()
    return torch.stack([success.sum(), widths])


def _bisect(job: AttackJob, signs: Tensor, high: Tensor, turns: int) -> tuple[Tensor, Tensor, Tensor]:
    """Radii [N] that do not fool the model and that do, and where an answer was close to undecided, bool [N].

    Where it was, the search stops. The host waits for no answer, so all directions take as many turns as that of the
    largest radius needs.

    :param signs: float [N, F], -1 or 1.
    :param high: float [N]: a radius that fools the model.
    """
    low, doubtful = torch.zeros_like(high), torch.zeros_like(high, dtype=torch.bool)
    for turn in range(turns):
        middle = (low + high) / 2
        images = _move_images(job, signs, middle)
        fooling, close = job.model.judge_without_waiting(images, job.labels, job.target_classes)
        goes_on = ~doubtful & (high - low > PRECISION) if turn else ~doubtful
        doubtful = doubtful | (goes_on & close)
        goes_on = goes_on & ~close
        high, low = torch.where(goes_on & fooling, middle, high), torch.where(goes_on & ~fooling, middle, low)
    return low, high, doubtful


def _bisect_exactly(job: AttackJob, signs: Tensor, low: Tensor, high: Tensor, positions: Tensor) -> None:
    """Go on for some of the directions, asking the model itself where the judge is close to undecided.

    :param low: float [N], changed in place, as `high` is.
    :param positions: of the directions, int64 [n].
    """
    while len(positions):
        asked, middle = job.select(positions), (low[positions] + high[positions]) / 2
        fooling = asked.is_adversarial(_move_images(asked, signs[positions], middle))
        high[positions] = torch.where(fooling, middle, high[positions])
        low[positions] = torch.where(fooling, low[positions], middle)
        positions = positions[(high - low)[positions] > PRECISION]


def _move_images(job: AttackJob, signs: Tensor, radius: Tensor) -> Tensor:
    return (job.clean + shape_per_image(radius) * signs.view(job.clean.shape)).clamp_(0, 1)
