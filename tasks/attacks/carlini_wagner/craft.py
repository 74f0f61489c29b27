"""Carlini-Wagner L2: Adam on the size of the perturbation and on being fooled (Carlini and Wagner 2017,
arXiv 1608.04644)."""

from __future__ import annotations

import torch
from torch import Tensor

from tasks.attacks.carlini_wagner.settings import CarliniWagnerSettings
from tasks.attacks.engine.constant_search import Best, Progress, reached, search, shortfall, squares
from tasks.attacks.engine.job import Crafted, Job, smallest

INSIDE = 0.999999
"""Pixels of exactly 0 and 1 lie at infinity of the space of tanh."""
DECAY, DECAY_SQUARES, TINY = 0.9, 0.999, 1e-8
"""Of Adam."""


def carlini_wagner(job: Job, settings: CarliniWagnerSettings) -> Crafted:
    """The smallest L2 perturbation found."""

    def descend(job: Job, constants: Tensor, best: Best) -> None:
        _descend(job, settings, constants, best)

    return {job.counts[0]: smallest(job, lambda job: search(job, settings, descend))}


def _descend(job: Job, settings: CarliniWagnerSettings, constants: Tensor, best: Best) -> None:
    """One minimisation in the space of tanh, from the image itself; an image without progress leaves."""
    places = torch.arange(len(constants), device=constants.device)
    point = ((2 * job.clean - 1) * INSIDE).atanh()
    start, mean, square = _pixels(point), torch.zeros_like(point), torch.zeros_like(point)
    progress = Progress(settings, best)
    for step in range(settings.steps):
        point = point.detach().requires_grad_(True)
        with torch.enable_grad():
            pixels = _pixels(point)
            logits = job.target.judge(pixels)
            loss = constants * shortfall(job, logits, settings.confidence) + squares(pixels - start)
            (gradient,) = torch.autograd.grad(loss.sum(), point)
        pixels, point = pixels.detach(), point.detach()
        sizes = squares(pixels - job.clean).sqrt()
        best.note(places, pixels, sizes, reached(job, pixels, logits.detach(), settings.confidence))
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


def _pixels(point: Tensor) -> Tensor:
    pixels: Tensor = (point.tanh() + 1) / 2
    return pixels
