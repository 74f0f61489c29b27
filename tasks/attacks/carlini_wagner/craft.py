"""Carlini-Wagner L2: Adam on the size of the perturbation and on being fooled (Carlini and Wagner 2017,
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
    search,
    sum_squares,
)
from tasks.attacks.engine.job import AttackJob, Crafted, find_smallest

INSIDE = 0.999999
"""Pixels of exactly 0 and 1 lie at infinity of the space of tanh."""
DECAY, DECAY_SQUARES, TINY = 0.9, 0.999, 1e-8
"""Of Adam."""


def craft_carlini_wagner(job: AttackJob, settings: CarliniWagnerSettings) -> Crafted:
    """The smallest L2 perturbation found."""

    def descend(job: AttackJob, constants: Tensor, best: BestExamples) -> None:
        _run_descent(job, settings, constants, best)

    return {job.counts[0]: find_smallest(job, lambda job: search(job, settings, descend))}


def _run_descent(job: AttackJob, settings: CarliniWagnerSettings, constants: Tensor, best: BestExamples) -> None:
    """One minimisation in the space of tanh, from the image itself; an image without progress leaves."""
    places = torch.arange(len(constants), device=constants.device)
    point = ((2 * job.clean - 1) * INSIDE).atanh()
    start, mean, square = _convert_to_pixels(point), torch.zeros_like(point), torch.zeros_like(point)
    progress = EarlyAbort(settings, best)
    for step in range(settings.steps):
        point = point.detach().requires_grad_(True)
        with torch.enable_grad():
            pixels = _convert_to_pixels(point)
            logits = job.target.judge(pixels)
            loss = constants * compute_shortfall(job, logits, settings.confidence) + sum_squares(pixels - start)
            (gradient,) = torch.autograd.grad(loss.sum(), point)
        pixels, point = pixels.detach(), point.detach()
        sizes = sum_squares(pixels - job.clean).sqrt()
        best.note(places, pixels, sizes, has_margin(job, pixels, logits.detach(), settings.confidence))
        mean = DECAY * mean + (1 - DECAY) * gradient
        square = DECAY_SQUARES * square + (1 - DECAY_SQUARES) * gradient.square()
        unbiased = (square / (1 - DECAY_SQUARES ** (step + 1))).sqrt() + TINY
        point = point - settings.step_size * mean / (1 - DECAY ** (step + 1)) / unbiased
        going = progress.going(step, places, loss.detach())
        if going is not None:
            if not going.any():
                return
            job, places, constants, start = job.subset(going), places[going], constants[going], start[going]
            point, mean, square = point[going], mean[going], square[going]


def _convert_to_pixels(point: Tensor) -> Tensor:
    pixels: Tensor = (point.tanh() + 1) / 2
    return pixels
