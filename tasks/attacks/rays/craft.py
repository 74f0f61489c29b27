"""RayS: shrink a perturbation of signs, knowing the predicted class alone (Chen and Gu 2020, arXiv 2006.12792)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from tasks.attacks.engine.job import AttackJob, ExamplesBySteps, find_smallest
from tasks.attacks.engine.norms import shape_per_image
from tasks.attacks.rays.settings import RaysSettings

PRECISION = 1e-3
"""The search for the radius along a direction ends at this width, as in the paper."""


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
        signs[better], radius = flipped[better], torch.where(better, shorter, radius)
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
    success = job.is_adversarial(_move_images(job, signs, radius))
    positions = success.nonzero(as_tuple=True)[0]
    low, high = torch.zeros_like(radius), radius.clone()
    while len(positions):
        asked, middle = job.select(positions), (low[positions] + high[positions]) / 2
        fooling = asked.is_adversarial(_move_images(asked, signs[positions], middle))
        high[positions[fooling]], low[positions[~fooling]] = middle[fooling], middle[~fooling]
        positions = positions[(high - low)[positions] > PRECISION]
    return high, success


def _move_images(job: AttackJob, signs: Tensor, radius: Tensor) -> Tensor:
    return (job.clean + shape_per_image(radius) * signs.view(job.clean.shape)).clamp_(0, 1)
