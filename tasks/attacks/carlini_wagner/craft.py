"""Carlini-Wagner L2: Adam on the size of the perturbation and on its success (Carlini and Wagner 2017,
arXiv 1608.04644)."""

from __future__ import annotations

import torch
from torch import Tensor

from tasks.attacks.carlini_wagner.settings import CarliniWagnerSettings
from tasks.attacks.engine.constant_search import (
    BestExamples,
    EarlyAbort,
    compute_shortfall,
    has_margin,
    search_constants,
    sum_squares,
)
from tasks.attacks.engine.job import AttackJob, ExamplesBySteps, find_smallest

INSIDE = 0.999999
"""Pixels of exactly 0 and 1 lie at infinity of the space of tanh."""
DECAY, DECAY_SQUARES, TINY = 0.9, 0.999, 1e-8
"""Of Adam."""


def craft_carlini_wagner(job: AttackJob, settings: CarliniWagnerSettings) -> ExamplesBySteps:
    """The images of the smallest L2 perturbations found, [N, C, H, W] in [0, 1] (section VI-A)."""

    def descend(job: AttackJob, constants: Tensor, best: BestExamples) -> None:
        _run_descent(job, settings, constants, best)

    return {job.step_counts[0]: find_smallest(job, lambda job: search_constants(job, settings, descend))}


def _run_descent(job: AttackJob, settings: CarliniWagnerSettings, constants: Tensor, best: BestExamples) -> None:
    """One minimisation in the space of tanh, from the image itself; an image without progress leaves."""
    positions = torch.arange(len(constants), device=constants.device)
    point = ((2 * job.clean - 1) * INSIDE).atanh()
    start, mean, square = _convert_to_pixels(point), torch.zeros_like(point), torch.zeros_like(point)
    progress = EarlyAbort(settings, best)
    for step in range(settings.steps):
        point = point.detach().requires_grad_(True)
        with torch.enable_grad():
            pixels = _convert_to_pixels(point)
            logits = job.model.judge(pixels)
            loss = constants * compute_shortfall(job, logits, settings.confidence) + sum_squares(pixels - start)
            (gradient,) = torch.autograd.grad(loss.sum(), point)
        pixels, point = pixels.detach(), point.detach()
        sizes = sum_squares(pixels - job.clean).sqrt()
        best.record(positions, pixels, sizes, has_margin(job, pixels, logits.detach(), settings.confidence))
        mean = DECAY * mean + (1 - DECAY) * gradient
        square = DECAY_SQUARES * square + (1 - DECAY_SQUARES) * gradient.square()
        unbiased = (square / (1 - DECAY_SQUARES ** (step + 1))).sqrt() + TINY
        point = point - settings.step_size * mean / (1 - DECAY ** (step + 1)) / unbiased
        kept = progress.find_improving(step, positions, loss.detach())
        if kept is not None:
            if not len(kept):
                return
            job, positions, constants, start = job.select(kept), positions[kept], constants[kept], start[kept]
            point, mean, square = point[kept], mean[kept], square[kept]


def _convert_to_pixels(point: Tensor) -> Tensor:
    """From the space of tanh to [0, 1]."""
    pixels: Tensor = (point.tanh() + 1) / 2
    return pixels
