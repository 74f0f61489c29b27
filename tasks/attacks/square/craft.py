"""Square Attack: random search with squares, from logits alone (Andriushchenko et al. 2020, arXiv 1912.00049)."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor

from tasks.attacks.engine.attacked_model import compute_margin, count_chosen
from tasks.attacks.engine.job import AttackJob, ExamplesBySteps, run_worst_case
from tasks.attacks.engine.norms import shape_per_image
from tasks.attacks.engine.places import divide_places
from tasks.attacks.square.proposals import Draws, propose_bump, propose_linf, start_bumps, start_linf
from tasks.attacks.square.settings import SquareSettings

HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""After each of these queries the share that a square covers is halved, whatever the number of queries."""


def craft_square(job: AttackJob, settings: SquareSettings) -> ExamplesBySteps:
    """The first proposals that fool the model, or those of the largest margin; images [N, C, H, W] in [0, 1]."""
    return {job.step_counts[0]: run_worst_case(job, [lambda job: _search_squares(job, settings)])}


def compute_square_side(query: int, settings: SquareSettings, image: torch.Size) -> int:
    """The side of the changed square in pixels, for an image [C, H, W], by the schedule of the paper.

    :param query: the number of proposals made before, the start among them.
    """
    share = settings.initial_share / 2 ** sum(query > halving for halving in HALVINGS)
    area = share * image[1] * image[2]
    if settings.norm == "linf":
        return max(min(round(math.sqrt(area)), image[1] - 1, image[2] - 1), 1)
    side = max(round(math.sqrt(area)), 3)
    return min(side + (side % 2 == 0), image[1] - 1 + image[1] % 2, image[2] - 1 + image[2] % 2)


def _search_squares(job: AttackJob, settings: SquareSettings) -> Tensor:
    """Random search (algorithm 1): a proposal is kept where the margin grows; adversarial images leave the batch."""
    eps, image = settings.eps * job.scale, job.clean.shape[1:]
    start, propose = start_linf, propose_linf
    if settings.norm != "linf":
        start, propose = partial(start_bumps, norm=settings.norm), partial(propose_bump, norm=settings.norm)
    draws = Draws(job)
    out = job.clean.clone()
    positions = torch.arange(len(out), device=out.device)
    pixels = start(job.clean, eps, draws)
    margin, is_adversarial, count = _judge_pixels(job, pixels)
    for query in range(1, settings.steps):
        out[positions] = pixels
        if count:
            kept, _ = divide_places(is_adversarial, count)
            job, positions, pixels, margin = job.select(kept), positions[kept], pixels[kept], margin[kept]
            draws.keep(kept)
        if not len(positions):
            return out
        proposal = propose(job.clean, pixels, eps, compute_square_side(query, settings, image), draws)
        proposal_margin, is_adversarial, count = _judge_pixels(job, proposal)
        better = (proposal_margin > margin) | is_adversarial
        pixels = torch.where(shape_per_image(better), proposal, pixels)
        margin = torch.where(better, proposal_margin, margin)
    out[positions] = pixels
    return out


def _judge_pixels(job: AttackJob, pixels: Tensor) -> tuple[Tensor, Tensor, int]:
    """The logit margin, and which images are adversarial, [N] each; and how many are."""
    with torch.no_grad():
        logits = job.model.judge(pixels)
    is_adversarial, (count,) = job.judge_and_ask(pixels, count_chosen, logits)
    return compute_margin(logits, job.labels), is_adversarial, count
