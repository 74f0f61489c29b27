"""PDPGD: descent on the shortfall by Adam, a proximal step on the size of the perturbation, and a weight between the
two that rises while the attack fails and falls while it succeeds (Matyasko and Chau 2021, arXiv 2106.01538)."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from tasks.attacks.engine.attacked_model import compute_margin
from tasks.attacks.engine.job import AttackJob, ExamplesBySteps, find_smallest
from tasks.attacks.engine.minimum_norm import Adam, Look, measure_norm, scale_per_image, walk_to_smallest
from tasks.attacks.engine.norms import NORMS, shape_per_image
from tasks.attacks.pdpgd.settings import PdpgdSettings

LAST_STEP, LAST_DUAL_STEP = 0.01, 0.1
"""The last step sizes as shares of the first."""
LARGEST_LOG_RATIO = math.log(1e6)
"""Neither weight is more than so many times the other."""
SMOOTHING = 0.9
"""Of the moving average of the weights."""
CONVERGED = 0.01
"""An image is done with its inner steps when one changes it by less than this share of its length."""


def craft_pdpgd(job: AttackJob, settings: PdpgdSettings) -> ExamplesBySteps:
    """The images of the smallest perturbations found, [N, C, H, W] in [0, 1] (algorithm 2 of the paper)."""

    def attack(job: AttackJob) -> Tensor:
        return walk_to_smallest(job, settings.norm, settings.steps, _compute_loss, _Walk(job, settings))

    return {job.step_counts[0]: find_smallest(job, attack)}


def shrink(delta: Tensor, weights: Tensor, norm: str) -> Tensor:
    """The proximal operator of `weight * norm`: what is smallest in half the squared distance to `delta` plus that.

    By Moreau's decomposition it is what is left of a perturbation beyond its projection onto the dual ball.

    :param delta: float [N, C, H, W], as the result.
    :param weights: float [N], positive.
    :param norm: `linf`, `l2` or `l1`.
    """
    dual = {"linf": "l1", "l2": "l2", "l1": "linf"}[norm]
    return delta - NORMS[dual].project(delta, weights)


def _compute_loss(job: AttackJob, logits: Tensor, delta: Tensor) -> Tensor:  # noqa: ARG001
    """The smooth shortfall of the margin, [N]."""
    return F.softplus(-compute_margin(logits, job.labels, job.target_classes))


class _Walk:
    def __init__(self, job: AttackJob, settings: PdpgdSettings) -> None:
        self._clean, self._settings = job.clean, settings
        self._adam = Adam(job.clean)
        start = torch.full((len(job.clean),), -math.log(settings.initial_ratio), device=job.clean.device)
        self._log_ratio = start  # of the weight of success over that of size
        self._share = start.sigmoid()  # of success, averaged over the steps; that of size is the rest

    def move(self, look: Look) -> Tensor:
        settings, progress = self._settings, look.step / self._settings.steps
        step_size = settings.step_size * LAST_STEP**progress
        mean, speed = self._adam.advance(look.gradient)
        moved = self._clip(look.delta - step_size * mean / speed)
        moved = self._approach(moved, speed, step_size)
        left = (settings.steps - 1 - look.step) / (settings.steps - 1)
        dual_step = settings.dual_step_size * (left * (1 - LAST_DUAL_STEP) + LAST_DUAL_STEP)
        ratio = self._log_ratio - dual_step * look.margin.sign()
        self._log_ratio = ratio.clamp(-LARGEST_LOG_RATIO, LARGEST_LOG_RATIO)
        self._share = SMOOTHING * self._share + (1 - SMOOTHING) * self._log_ratio.sigmoid()
        return moved

    def _approach(self, moved: Tensor, speed: Tensor, step_size: float) -> Tensor:
        """The proximal step in Adam's metric, by inner steps (Yun et al. 2020, arXiv 1910.10094)."""
        fastest = speed.flatten(1).amax(1)
        weights = (1 - self._share) / self._share * step_size / fastest
        metric = scale_per_image(speed, 1 / fastest)
        current, open_images = moved, torch.ones_like(fastest, dtype=torch.bool)
        for _ in range(self._settings.proximal_steps):
            following = self._clip(shrink(current - metric * (current - moved), weights, self._settings.norm))
            following = torch.where(shape_per_image(open_images), following, current)
            change = measure_norm(following - current, "l2")
            open_images = open_images & (change > CONVERGED * measure_norm(following, "l2"))
            current = following
        return current

    def _clip(self, delta: Tensor) -> Tensor:
        """The perturbations of images within [0, 1]; none where there was none."""
        return torch.minimum(torch.maximum(delta, -self._clean), 1 - self._clean)
