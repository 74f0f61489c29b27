"""Square Attack: random search with squares, from logits alone (Andriushchenko et al. 2020, arXiv 1912.00049)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tasks.attacks.engine.fast_model import compute_margin
from tasks.attacks.engine.job import AttackJob, Crafted, run_worst_case
from tasks.attacks.engine.norms import shape_per_image
from tasks.attacks.square.proposals import Draws, propose_l2, propose_linf, start_l2, start_linf
from tasks.attacks.square.settings import SquareSettings

HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""After each of these queries the share that a square covers is halved, whatever the number of queries."""


def craft_square(job: AttackJob, settings: SquareSettings) -> Crafted:
    """The first proposal that fools the model, or the one of the smallest margin."""
    return {job.counts[0]: run_worst_case(job, [lambda job: _search(job, settings)])}


def compute_square_side(query: int, settings: SquareSettings, image: torch.Size) -> int:
    """The side of the changed square in pixels, for an image [C, H, W]."""
    share = settings.initial_share / 2 ** sum(query > halving for halving in HALVINGS)
    area = share * image[1] * image[2]
    if settings.norm == "linf":
        return max(min(round(math.sqrt(area)), image[1] - 1, image[2] - 1), 1)
    side = max(round(math.sqrt(area)), 3)
    return min(side + (side % 2 == 0), image[1] - 1 + image[1] % 2, image[2] - 1 + image[2] % 2)


def _search(job: AttackJob, settings: SquareSettings) -> Tensor:
    eps, image = settings.eps * job.scale, job.clean.shape[1:]
    linf = settings.norm == "linf"
    start, propose = (start_linf, propose_linf) if linf else (start_l2, propose_l2)
    draws = Draws(job)
    out = job.clean.clone()
    places = torch.arange(len(out), device=out.device)
    pixels = start(job.clean, eps, draws)
    value, fooled = _look(job, pixels)
    for query in range(1, settings.steps):
        out[places] = pixels
        going = ~fooled
        if fooled.any():
            job, places, pixels, value = job.subset(going), places[going], pixels[going], value[going]
            draws.keep(going)
        if not len(places):
            return out
        proposed = propose(job.clean, pixels, eps, compute_square_side(query, settings, image), draws)
        proposed_value, reached = _look(job, proposed)
        better = (proposed_value > value) | reached
        pixels, value = (
            torch.where(shape_per_image(better), proposed, pixels),
            torch.where(better, proposed_value, value),
        )
        fooled = reached
    out[places] = pixels
    return out


def _look(job: AttackJob, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """By how much any other class leads the label, and who is fooled; [N] each."""
    with torch.no_grad():
        logits = job.target.judge(pixels)
    return compute_margin(logits, job.labels), job.reached(pixels, logits)
