"""The loop of the attacks that walk toward the smallest perturbation in one run: DDN, FMN, PDPGD, sigma-zero.

Every step asks the model once, keeps a success that is smaller than those before, and lets the attack move. No image
leaves: a smaller success may come as late as the last step. Each image is treated alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from tasks.attacks.engine.attacked_model import compute_margin, count_chosen
from tasks.attacks.engine.constant_search import BestExamples
from tasks.attacks.engine.job import AttackJob
from tasks.attacks.engine.norms import NORMS, shape_per_image

Loss = Callable[[AttackJob, Tensor, Tensor], Tensor]
"""(job, logits [N, classes], perturbations [N, C, H, W]) -> what the attack makes small, [N]."""

DECAY, DECAY_SQUARES, TINY = 0.9, 0.999, 1e-8
"""Of Adam."""


@dataclass(frozen=True)
class Look:
    """What is known of every image after the model was asked."""

    step: int
    """From 0."""
    delta: Tensor
    """float [N, C, H, W]: the perturbations that were asked about."""
    gradient: Tensor
    """float [N, C, H, W]: of the loss."""
    margin: Tensor
    """float [N]: logit margin, positive where the attack has succeeded."""
    is_adversarial: Tensor
    """bool [N]."""
    sizes: Tensor
    """float [N]: of the perturbations, in the norm of the attack."""
    flat_images: int
    """How many have no gradient at all."""
    best_sizes: Tensor
    """float [N]: of the smallest successes so far, this look among them; infinite where there is none."""


class Walk(Protocol):
    """How an attack moves; it keeps what it needs to know of each image from step to step."""

    def move(self, look: Look) -> Tensor:
        """The next perturbations, float [N, C, H, W]; the loop brings their images into [0, 1]."""


def measure_norm(delta: Tensor, norm: str) -> Tensor:
    """The size of each perturbation, float [N]; for `l0` the number of changed values, each colour alone.

    :param delta: float [N, C, H, W].
    """
    return (delta.flatten(1) != 0).sum(1).to(delta.dtype) if norm == "l0" else NORMS[norm].size(delta)


def measure_largest(clean: Tensor, norm: str) -> Tensor:
    """The size of the largest perturbation that [0, 1] allows each image, float [N].

    :param clean: float [N, C, H, W] in [0, 1].
    """
    return measure_norm(torch.maximum(clean, 1 - clean), norm)


def anneal(start: float, end: float, step: int, steps: int) -> float:
    """From `start` at the first step toward `end`, along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * step / steps)) / 2


def normalize_length(gradient: Tensor) -> Tensor:
    """The gradients of length 1 in L2, zero where they are; float [N, C, H, W]."""
    return NORMS["l2"].direction(gradient)


def walk_to_smallest(
    job: AttackJob, norm: str, steps: int, loss: Loss, walk: Walk, start: Tensor | None = None
) -> Tensor:
    """The images of the smallest successes on the walk, float [N, C, H, W] in [0, 1]; clean where there is none.

    :param start: where it begins, float [N, C, H, W] in [0, 1]; null: at the images themselves.
    """
    best = BestExamples.make_empty(job.clean)
    positions = torch.arange(len(job.clean), device=job.clean.device)
    pixels = job.clean if start is None else start
    for step in range(steps):
        pixels = pixels.detach().requires_grad_(True)
        with torch.enable_grad():
            logits = job.model.judge(pixels)
            (gradient,) = torch.autograd.grad(loss(job, logits, pixels - job.clean).sum(), pixels)
        pixels, logits = pixels.detach(), logits.detach()
        delta = pixels - job.clean
        sizes, flat = measure_norm(delta, norm), find_flat(gradient)
        success, (flat_images,) = job.judge_and_ask(pixels, partial(_count_flat, flat), logits)
        best.record(positions, pixels, sizes, success)
        margin = compute_margin(logits, job.labels, job.target_classes)
        look = Look(step, delta, gradient, margin, success, sizes, flat_images, best.sizes.clone())
        pixels = (job.clean + walk.move(look)).clamp_(0, 1)
    return best.images


def keep_smallest(clean: Tensor, found: list[Tensor], norm: str) -> Tensor:
    """For each image that of the smallest change, the first of several; clean where nothing was found.

    :param clean: float [N, C, H, W], as each of `found`, which is clean where there is no success.
    """
    best, smallest = clean, torch.full((len(clean),), torch.inf, device=clean.device)
    for images in found:
        sizes = measure_norm(images - clean, norm)
        smaller = (sizes > 0) & (sizes < smallest)
        best, smallest = torch.where(shape_per_image(smaller), images, best), torch.where(smaller, sizes, smallest)
    return best


def find_flat(gradient: Tensor) -> Tensor:
    """Which images have a gradient [N, C, H, W] of zero everywhere, bool [N]."""
    return (gradient == 0).flatten(1).all(1)


def _count_flat(flat: Tensor, success: Tensor) -> Tensor:  # noqa: ARG001
    """int64 [1]: asked together with the verdicts, whatever these are."""
    return count_chosen(flat)


class Adam:
    """The steps of Adam (Kingma and Ba 2015, arXiv 1412.6980) for perturbations [N, C, H, W], without a step size."""

    def __init__(self, like: Tensor) -> None:
        self._mean, self._square, self._count = torch.zeros_like(like), torch.zeros_like(like), 0

    def advance(self, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """The mean of the gradients and the root of the mean of their squares, both unbiased; [N, C, H, W] each."""
        self._count += 1
        self._mean = DECAY * self._mean + (1 - DECAY) * gradient
        self._square = DECAY_SQUARES * self._square + (1 - DECAY_SQUARES) * gradient.square()
        mean = self._mean / (1 - DECAY**self._count)
        return mean, (self._square / (1 - DECAY_SQUARES**self._count)).sqrt() + TINY


def scale_per_image(delta: Tensor, factor: Tensor) -> Tensor:
    """Every perturbation [N, C, H, W] times the factor of its image [N]."""
    return delta * shape_per_image(factor)
