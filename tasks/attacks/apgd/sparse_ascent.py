"""Auto-PGD in L1: steps along the steepest values alone, within the ball and the box at once, in balls that shrink onto
the budget (Croce and Hein 2021, arXiv 2103.01208)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from tasks.attacks.apgd.ascent import Ascent, Loss
from tasks.attacks.engine.job import AttackJob
from tasks.attacks.engine.norms import measure_sizes, project_l1_into_box, shape_per_image
from tasks.attacks.engine.places import divide_places
from tasks.seeds import make_generator

PHASES = ((3.0, 0.3), (2.0, 0.3), (1.0, 0.4))
"""Radius as a multiple of the budget, and share of the steps (section 3.2)."""
SPARSER = 1.5
"""A step changes so many times fewer values than the perturbation does."""
CHECKED = 0.04
"""The share of a phase's steps from one check to the next."""
FEWER = 0.95
"""A perturbation has become sparser where it changes less than this share of the values it changed before."""
SHORTER, SHORTEST = 1.5, 10.0
"""By which a step is divided where it has not, and at most."""


@dataclass
class _State(Ascent):
    """What Auto-PGD in L1 keeps besides."""

    share: Tensor
    """float [N]: of the values, those that a step changes."""
    changed: Tensor
    """float [N]: values that the best perturbation changed at the last check."""


def run_sparse_ascent(
    job: AttackJob, eps: float, steps: int, loss: Loss, target_classes: Tensor, purpose: object, looks: int = 1
) -> Tensor:
    """One run: the first iterate within the budget that fools the model, or the one of the highest loss.

    :param eps: the budget in pixels of [0, 1].
    :param target_classes: int64 [N].
    :param purpose: tells the random numbers of one attack apart.
    :param looks: whose mean the gradient is.
    :return: float [N, C, H, W] in [0, 1].
    """
    counts = [math.ceil(share * steps) for _, share in PHASES[:-1]]
    counts.append(max(steps - sum(counts), 1))
    pixels = _draw_starts(job, PHASES[0][0] * eps, purpose)
    for (factor, _), count in zip(PHASES, counts, strict=True):
        radius = factor * eps
        pixels = job.clean + project_l1_into_box(job.clean, pixels - job.clean, radius)
        pixels = _run_phase(job, pixels, radius, count, loss, target_classes, looks, final=factor == 1.0)
    return pixels


def _draw_starts(job: AttackJob, radius: float, purpose: object) -> Tensor:
    """Noise, brought into the ball: one draw per image, whatever the batch; [N, C, H, W]."""
    shape = job.clean.shape[1:]
    drawn = [
        torch.randn(shape, generator=make_generator(job.seed, "start", purpose, index)) for index in job.index.tolist()
    ]
    return job.clean + project_l1_into_box(job.clean, torch.stack(drawn).to(job.clean), radius)


def _run_phase(
    job: AttackJob,
    pixels: Tensor,
    eps: float,
    steps: int,
    loss: Loss,
    target_classes: Tensor,
    looks: int,
    *,
    final: bool,
) -> Tensor:
    """The iterates of the highest loss in one ball; in the final one, the first that fool the model. [N, C, H, W]."""
    out = pixels.clone(memory_format=torch.preserve_format)
    state = _make_state(job, pixels, eps, target_classes)
    _, (is_adversarial, count) = state.look(job, loss, looks)
    interval = max(int(CHECKED * steps), 1)
    for step in range(1, steps + 1):
        if final and count:
            kept, leaving = divide_places(is_adversarial, count)
            out[state.positions[leaving]] = state.pixels[leaving]
            state.keep(kept)
        if not len(state.positions):
            return out
        _take_step(state, eps)
        _, (is_adversarial, count) = state.look(job, loss, looks)
        if step % interval == 0:
            _check_sparsity(state, is_adversarial & final, eps)
    is_adversarial = is_adversarial & final
    out[state.positions] = torch.where(shape_per_image(is_adversarial), state.pixels, state.best)
    return out


def _make_state(job: AttackJob, pixels: Tensor, eps: float, target_classes: Tensor) -> _State:
    nothing = torch.zeros(len(pixels), device=pixels.device)
    changed = _count_changed(pixels - job.clean)
    return _State(
        positions=torch.arange(len(pixels), device=pixels.device),
        clean=job.clean,
        labels=job.labels,
        target_classes=target_classes,
        pixels=pixels,
        gradient=pixels,
        best=pixels,
        best_gradient=pixels,
        best_loss=torch.full_like(nothing, -torch.inf),
        step_size=torch.full_like(nothing, eps),
        share=changed / pixels[0].numel() / SPARSER,
        changed=changed,
    )


def _count_changed(delta: Tensor) -> Tensor:
    """float [N]."""
    return measure_sizes(delta)["l0"].to(delta.dtype)


def _take_step(state: _State, eps: float) -> None:
    """The step, spread evenly over the steepest values, and back into ball and box."""
    flat = state.gradient.flatten(1)
    magnitude, values = flat.abs(), flat.shape[1]
    place = ((1 - state.share) * values).clamp(0, values - 1).long()
    threshold = magnitude.sort(dim=1).values.gather(1, place[:, None])
    chosen = flat.sign() * (magnitude >= threshold)
    direction = (chosen / chosen.abs().sum(1, keepdim=True).clamp_min(1)).view_as(state.gradient)
    moved = state.pixels + shape_per_image(state.step_size) * direction - state.clean
    state.pixels = (state.clean + project_l1_into_box(state.clean, moved, eps)).clamp_(0, 1)


def _check_sparsity(state: _State, is_adversarial: Tensor, eps: float) -> None:
    """Where the best perturbation has become sparser, begin again from it with a long step; else shorten the step."""
    changed = _count_changed(state.best - state.clean)
    sparser = changed < FEWER * state.changed
    state.share = changed / state.clean[0].numel() / SPARSER
    shorter = (state.step_size / SHORTER).clamp(eps / SHORTEST, eps)
    state.step_size = torch.where(sparser, torch.full_like(shorter, eps), shorter)
    state.changed = changed
    restart = shape_per_image(sparser & ~is_adversarial)
    state.pixels = torch.where(restart, state.best, state.pixels)
    state.gradient = torch.where(restart, state.best_gradient, state.gradient)
