"""Sigma-zero: descent on the shortfall and a smooth count of changed values, small changes undone on the way (Cina et
al. 2025, arXiv 2402.01879)."""

from __future__ import annotations

import torch
from torch import Tensor

from tasks.attacks.engine.constant_search import compute_shortfall
from tasks.attacks.engine.job import AttackJob, ExamplesBySteps, find_smallest
from tasks.attacks.engine.minimum_norm import Adam, Look, anneal, measure_norm, scale_per_image, walk_to_smallest
from tasks.attacks.engine.norms import shape_per_image
from tasks.attacks.sigma_zero.settings import SigmaZeroSettings
from tasks.attacks.sigma_zero.stretches import StretchedWalk, search_from_each

LAST_STEP = 0.1
"""The last step size as a share of the first."""


def craft_sigma_zero(job: AttackJob, settings: SigmaZeroSettings) -> ExamplesBySteps:
    """The images of the fewest changed values found, [N, C, H, W] in [0, 1] (algorithm 1 of the paper)."""

    def compute_loss(job: AttackJob, logits: Tensor, delta: Tensor) -> Tensor:
        """The shortfall and the smooth share of changed values (equation 4), [N]."""
        square = delta.square().flatten(1)
        return compute_shortfall(job, logits, 0.0) + (square / (square + settings.smoothing)).mean(1)

    def attack(job: AttackJob) -> Tensor:
        searching = int(settings.search_share * settings.steps)
        steps = settings.steps - searching
        walk = StretchedWalk(_Walk(job, settings), job.clean, steps)
        found = walk_to_smallest(job, settings.norm, steps, compute_loss, walk)
        return search_from_each(job, walk.list_found(), found, searching) if searching else found

    return {job.step_counts[0]: find_smallest(job, attack)}


class _Walk:
    """The step sizes fall over all steps of the attack: the last of them, where the walk hardly succeeds any more since
    its threshold follows too slowly, are those of the search."""

    def __init__(self, job: AttackJob, settings: SigmaZeroSettings) -> None:
        self._clean, self._settings, self._steps = job.clean, settings, settings.steps
        self._adam = Adam(job.clean)
        self._threshold = torch.full((len(job.clean),), settings.threshold, device=job.clean.device)

    def move(self, look: Look) -> Tensor:
        settings = self._settings
        step_size = anneal(settings.step_size, LAST_STEP * settings.step_size, max(look.step - 1, 0), self._steps)
        steepest = measure_norm(look.gradient, "linf").clamp_min(1e-12)
        mean, speed = self._adam.advance(scale_per_image(look.gradient, 1 / steepest))
        moved = (self._clean + look.delta - step_size * mean / speed).clamp(0, 1) - self._clean
        rate = settings.threshold_rate * anneal(
            settings.step_size, LAST_STEP * settings.step_size, look.step, self._steps
        )
        self._threshold = (self._threshold + torch.where(look.is_adversarial, rate, -rate)).clamp(0, 1)
        return moved.masked_fill(moved.abs() < shape_per_image(self._threshold), 0.0)
