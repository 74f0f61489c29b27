"""Auto-PGD: ascent that halves its step size where it stalls, so that only the budget and the number of steps are
left to choose (Croce and Hein 2020, arXiv 2003.01690)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial

import torch
from torch import Tensor

from tasks.attacks.apgd.settings import ApgdCeSettings, ApgdSettings, ApgdTSettings
from tasks.attacks.engine.job import AttackJob, Crafted, draw_random_starts, run_worst_case
from tasks.attacks.engine.losses import compute_cross_entropy, compute_targeted_dlr, rank_likeliest_others
from tasks.attacks.engine.norms import NORMS, Norm, shape_per_image

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(logits [N, classes], labels [N], classes aimed at [N]) -> what to raise, [N]."""

MOMENTUM = 0.75
PROGRESS = 0.75
"""Share of the steps since the last check that must have raised the loss."""
FIRST, SHORTER, SHORTEST = 0.22, 0.03, 0.06
"""Shares of all steps: to the first check, by which each interval is shorter than the last, the shortest interval."""


def craft_apgd_ce(job: AttackJob, settings: ApgdCeSettings) -> Crafted:
    """Auto-PGD on the cross-entropy, each restart on the survivors of those before."""

    def attempt(job: AttackJob, restart: int) -> Tensor:
        return _run_ascent(job, settings, compute_cross_entropy, job.labels, ("ce", restart))

    return {job.counts[0]: run_worst_case(job, (partial(attempt, restart=n) for n in range(settings.restarts)))}


def craft_apgd_t(job: AttackJob, settings: ApgdTSettings) -> Crafted:
    """Auto-PGD on the targeted difference of logits ratio: the likeliest target first, each on the survivors.

    :raises StageError: there are fewer than four classes.
    """

    def attempt(job: AttackJob, restart: int, place: int) -> Tensor:
        aim = rank_likeliest_others(job, settings.targets)[:, place]
        return _run_ascent(job, settings, compute_targeted_dlr, aim, ("dlr", restart, place))

    targets = rank_likeliest_others(job, settings.targets).shape[1]
    attempts = (partial(attempt, restart=n, place=place) for n in range(settings.restarts) for place in range(targets))
    return {job.counts[0]: run_worst_case(job, attempts)}


@dataclass
class _State:
    """The images still under attack; every field has one entry per image."""

    places: Tensor
    clean: Tensor
    labels: Tensor
    aim: Tensor
    pixels: Tensor
    previous: Tensor
    gradient: Tensor
    value: Tensor
    """Loss at `pixels`."""
    best: Tensor
    best_gradient: Tensor
    best_value: Tensor
    step_size: Tensor
    rises: Tensor
    """Steps since the last check that raised the loss."""
    halved: Tensor
    """bool: whether the last check halved the step size."""
    best_at_check: Tensor

    def keep(self, chosen: Tensor) -> None:
        """Go on with some of the images."""
        for item in fields(self):
            setattr(self, item.name, getattr(self, item.name)[chosen])


def _run_ascent(job: AttackJob, settings: ApgdSettings, loss: Loss, aim: Tensor, purpose: object) -> Tensor:
    """One run: the first iterate that fools the model, or the one of the highest loss; [N, C, H, W]."""
    norm, eps = NORMS[settings.norm], settings.eps * job.scale
    out = job.clean.clone(memory_format=torch.preserve_format)
    shares = (FIRST, SHORTER, SHORTEST)
    interval, shorter, shortest = (max(int(share * settings.steps), 1) for share in shares)
    state, fooled = _begin(job, norm, eps, loss, aim, purpose)
    since = 0
    for step in range(settings.steps):
        out[state.places[fooled]] = state.pixels[fooled]
        state.keep(~fooled)
        if not len(state.places):
            return out
        if since == interval:
            _check(state, interval)
            interval, since = max(interval - shorter, shortest), 0
        _move(state, norm, eps, MOMENTUM if step else 1.0)
        fooled = _look(job, state, loss)
        since += 1
    out[state.places] = torch.where(shape_per_image(fooled), state.pixels, state.best)
    return out


def _begin(job: AttackJob, norm: Norm, eps: float, loss: Loss, aim: Tensor, purpose: object) -> tuple[_State, Tensor]:
    """The state at the random start, and who is fooled there already."""
    pixels = (job.clean + draw_random_starts(job, norm, eps, purpose)).clamp_(0, 1)
    nothing = torch.zeros(len(pixels), device=pixels.device)
    step_size, lowest = torch.full_like(nothing, 2 * eps), torch.full_like(nothing, -torch.inf)
    state = _State(
        places=torch.arange(len(pixels), device=pixels.device),
        clean=job.clean,
        labels=job.labels,
        aim=aim,
        pixels=pixels,
        previous=pixels,
        gradient=pixels,
        value=lowest,
        best=pixels,
        best_gradient=pixels,
        best_value=lowest,
        step_size=step_size,
        rises=nothing,
        halved=torch.ones_like(nothing, dtype=torch.bool),
        best_at_check=lowest,
    )
    fooled = _look(job, state, loss)
    state.rises, state.best_at_check = nothing, state.best_value
    return state, fooled


def _look(job: AttackJob, state: _State, loss: Loss) -> Tensor:
    """Loss and gradient at the pixels, note the best; bool [N]: who is fooled there."""
    pixels = state.pixels.detach().requires_grad_(True)
    with torch.enable_grad():
        logits = job.target.judge(pixels)
        value = loss(logits, state.labels, state.aim)
        (state.gradient,) = torch.autograd.grad(value.sum(), pixels)
    value = value.detach()
    state.rises = state.rises + (value > state.value)
    state.value = value
    better = value > state.best_value
    state.best_value = torch.where(better, value, state.best_value)
    state.best = torch.where(shape_per_image(better), state.pixels, state.best)
    state.best_gradient = torch.where(shape_per_image(better), state.gradient, state.best_gradient)
    return job.target.reached(pixels, logits, state.labels)


def _move(state: _State, norm: Norm, eps: float, share: float) -> None:
    """A step of ascent, and a part of the last step again."""

    def bounded(pixels: Tensor) -> Tensor:
        return (state.clean + norm.project(pixels - state.clean, eps)).clamp_(0, 1)

    ahead = bounded(state.pixels + shape_per_image(state.step_size) * norm.direction(state.gradient))
    mixed = state.pixels + share * (ahead - state.pixels) + (1 - share) * (state.pixels - state.previous)
    state.previous, state.pixels = state.pixels, bounded(mixed)


def _check(state: _State, interval: int) -> None:
    """Where too few steps rose, or nothing changed since the last check, go back to the best and halve the step."""
    stalled = ~state.halved & (state.best_at_check >= state.best_value)
    state.halved = (state.rises <= PROGRESS * interval) | stalled
    state.best_at_check = state.best_value
    state.rises = torch.zeros_like(state.rises)
    state.step_size = torch.where(state.halved, state.step_size / 2, state.step_size)
    state.pixels = torch.where(shape_per_image(state.halved), state.best, state.pixels)
    state.gradient = torch.where(shape_per_image(state.halved), state.best_gradient, state.gradient)
