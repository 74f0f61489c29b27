"""DDN: the gradient chooses the direction of the perturbation, success its length (Rony et al. 2019,
arXiv 1811.09600)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tasks.attacks.ddn.settings import DdnSettings
from tasks.attacks.engine.job import AttackJob, ExamplesBySteps, draw_random_starts, find_smallest
from tasks.attacks.engine.minimum_norm import (
    Look,
    anneal,
    find_flat,
    measure_largest,
    measure_norm,
    normalize_length,
    scale_per_image,
    walk_to_smallest,
)
from tasks.attacks.engine.norms import NORMS, shape_per_image

LAST_STEP = 0.01
"""The step size after annealing from 1."""


def craft_ddn(job: AttackJob, settings: DdnSettings) -> ExamplesBySteps:
    """The images of the smallest L2 perturbations found, [N, C, H, W] in [0, 1] (algorithm 1 of the paper).

    Pixels are not rounded to 256 levels, as the paper does at the end.
    """

    def attack(job: AttackJob) -> Tensor:
        return walk_to_smallest(job, settings.norm, settings.steps, _compute_loss, _Walk(job, settings))

    return {job.step_counts[0]: find_smallest(job, attack)}


def _compute_loss(job: AttackJob, logits: Tensor, delta: Tensor) -> Tensor:  # noqa: ARG001
    """Cross-entropy with the target class, or the negative of that with the label; [N]."""
    if job.target_classes is None:
        return -F.cross_entropy(logits, job.labels, reduction="none")
    return F.cross_entropy(logits, job.target_classes, reduction="none")


class _Walk:
    def __init__(self, job: AttackJob, settings: DdnSettings) -> None:
        self._job, self._settings = job, settings
        self._largest = measure_largest(job.clean, settings.norm)
        self._length = torch.full_like(self._largest, settings.initial_size)

    def move(self, look: Look) -> Tensor:
        settings = self._settings
        change = torch.where(look.is_adversarial, 1 - settings.gamma, 1 + settings.gamma)
        self._length = torch.minimum(self._length * change, self._largest)
        moved = look.delta - anneal(1.0, LAST_STEP, look.step, settings.steps) * self._find_direction(look)
        return scale_per_image(moved, self._length / measure_norm(moved, "l2").clamp_min(1e-12))

    def _find_direction(self, look: Look) -> Tensor:
        """Of length 1; a random one where the cross-entropy is so flat that it has none."""
        gradient = look.gradient
        if look.flat_images:
            drawn = draw_random_starts(self._job, NORMS["l2"], 1.0, ("ddn", look.step))
            gradient = torch.where(shape_per_image(find_flat(gradient)), drawn, gradient)
        return normalize_length(gradient)
