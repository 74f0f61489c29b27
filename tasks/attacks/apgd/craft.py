"""Auto-PGD: ascent that halves its step size where it stalls, so that only the budget and the number of steps are
left to choose (Croce and Hein 2020, arXiv 2003.01690)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from tasks.attacks.apgd.ascent import Ascent, Loss
from tasks.attacks.apgd.settings import ApgdCeSettings, ApgdSettings, ApgdTSettings
from tasks.attacks.apgd.sparse_ascent import run_sparse_ascent
from tasks.attacks.engine.job import AttackJob, ExamplesBySteps, draw_random_starts, run_worst_case
from tasks.attacks.engine.losses import compute_cross_entropy, compute_dlr, compute_targeted_dlr, rank_likeliest_others
from tasks.attacks.engine.norms import NORMS, Norm, shape_per_image
from tasks.attacks.engine.places import divide_places

MOMENTUM = 0.75
"""alpha of the paper: the share of the new step; the rest is the last step again."""
PROGRESS = 0.75
"""rho of the paper: the share of the steps since the last check that must have raised the loss."""
FIRST, SHORTER, SHORTEST = 0.22, 0.03, 0.06
"""Shares of all steps: to the first check, by which each interval is shorter than the last, the shortest."""


def craft_apgd_ce(job: AttackJob, settings: ApgdCeSettings, *, looks: int = 1) -> ExamplesBySteps:
    """Auto-PGD on the cross-entropy, each restart on the survivors of those before; images [N, C, H, W] in [0, 1].

    :param looks: whose mean the gradient is, for a model that answers at random.
    """
    return _craft_untargeted(job, settings, compute_cross_entropy, "ce", looks)


def craft_apgd_dlr(job: AttackJob, settings: ApgdSettings, *, looks: int = 1) -> ExamplesBySteps:
    """The same on the difference of logits ratio without a target.

    :raises StageError: there are fewer than three classes.
    """
    return _craft_untargeted(job, settings, compute_dlr, "untargeted dlr", looks)


def _craft_untargeted(job: AttackJob, settings: ApgdSettings, loss: Loss, name: str, looks: int) -> ExamplesBySteps:
    def attempt(job: AttackJob, restart: int) -> Tensor:
        return _run_ascent(job, settings, loss, job.labels, (name, restart), looks)

    return {job.step_counts[0]: run_worst_case(job, (partial(attempt, restart=n) for n in range(settings.restarts)))}


def craft_apgd_t(job: AttackJob, settings: ApgdTSettings) -> ExamplesBySteps:
    """Auto-PGD on the targeted difference of logits ratio: the likeliest target first, each on the survivors.

    Images [N, C, H, W] in [0, 1].

    :raises StageError: there are fewer than four classes.
    """

    def attempt(job: AttackJob, restart: int, rank: int) -> Tensor:
        target_classes = rank_likeliest_others(job, settings.targets)[:, rank]
        return _run_ascent(job, settings, compute_targeted_dlr, target_classes, ("dlr", restart, rank))

    ranks = rank_likeliest_others(job, settings.targets).shape[1]
    attempts = (partial(attempt, restart=n, rank=rank) for n in range(settings.restarts) for rank in range(ranks))
    return {job.step_counts[0]: run_worst_case(job, attempts)}


@dataclass
class _State(Ascent):
    """What Auto-PGD of one ball keeps besides."""

    previous: Tensor
    """float [N, C, H, W]."""
    loss: Tensor
    """float [N]: at `pixels`."""
    increases: Tensor
    """float [N]: steps since the last check that raised the loss."""
    was_halved: Tensor
    """bool [N]: whether the last check halved the step size."""
    best_loss_at_check: Tensor


def _run_ascent(
    job: AttackJob, settings: ApgdSettings, loss: Loss, target_classes: Tensor, purpose: object, looks: int = 1
) -> Tensor:
    """One run: the first iterate that fools the model, or the one of the highest loss; [N, C, H, W]."""
    norm, eps = NORMS[settings.norm], settings.eps * job.scale
    if settings.norm == "l1":
        return run_sparse_ascent(job, eps, settings.steps, loss, target_classes, purpose, looks)
    out = job.clean.clone(memory_format=torch.preserve_format)
    shares = (FIRST, SHORTER, SHORTEST)
    interval, shorter, shortest = (max(int(share * settings.steps), 1) for share in shares)
    state, (is_adversarial, count) = _make_state(job, norm, eps, loss, target_classes, purpose, looks)
    since_check = 0
    for step in range(settings.steps):
        if count:
            kept, leaving = divide_places(is_adversarial, count)
            out[state.positions[leaving]] = state.pixels[leaving]
            state.keep(kept)
        if not len(state.positions):
            return out
        if since_check == interval:
            _check_progress(state, interval)
            interval, since_check = max(interval - shorter, shortest), 0
        _take_step(state, norm, eps, MOMENTUM if step else 1.0)
        is_adversarial, count = _update_loss(job, state, loss, looks)
        since_check += 1
    out[state.positions] = torch.where(shape_per_image(is_adversarial), state.pixels, state.best)
    return out


def _make_state(
    job: AttackJob, norm: Norm, eps: float, loss: Loss, target_classes: Tensor, purpose: object, looks: int
) -> tuple[_State, tuple[Tensor, int]]:
    """The state at the random start, and which images fool the model there already, bool [N], and how many."""
    pixels = (job.clean + draw_random_starts(job, norm, eps, purpose)).clamp_(0, 1)
    nothing = torch.zeros(len(pixels), device=pixels.device)
    step_size, lowest = torch.full_like(nothing, 2 * eps), torch.full_like(nothing, -torch.inf)
    state = _State(
        positions=torch.arange(len(pixels), device=pixels.device),
        clean=job.clean,
        labels=job.labels,
        target_classes=target_classes,
        pixels=pixels,
        previous=pixels,
        gradient=pixels,
        loss=lowest,
        best=pixels,
        best_gradient=pixels,
        best_loss=lowest,
        step_size=step_size,
        increases=nothing,
        was_halved=torch.ones_like(nothing, dtype=torch.bool),
        best_loss_at_check=lowest,
    )
    found = _update_loss(job, state, loss, looks)
    state.increases, state.best_loss_at_check = nothing, state.best_loss
    return state, found


def _update_loss(job: AttackJob, state: _State, loss: Loss, looks: int) -> tuple[Tensor, int]:
    """Loss and gradient at the pixels, note the best; which images fool the model there, bool [N], and how many."""
    values, found = state.look(job, loss, looks)
    state.increases = state.increases + (values > state.loss)
    state.loss = values
    return found


def _take_step(state: _State, norm: Norm, eps: float, share: float) -> None:
    """A step of ascent, and a part of the last step again (algorithm 1 of the paper)."""

    def project(pixels: Tensor) -> Tensor:
        return (state.clean + norm.project(pixels - state.clean, eps)).clamp_(0, 1)

    ahead = project(state.pixels + shape_per_image(state.step_size) * norm.direction(state.gradient))
    mixed = state.pixels + share * (ahead - state.pixels) + (1 - share) * (state.pixels - state.previous)
    state.previous, state.pixels = state.pixels, project(mixed)


def has_stalled(
    increases: Tensor, interval: int, was_halved: Tensor, best_loss_at_check: Tensor, best_loss: Tensor
) -> Tensor:
    """Where the step is to be halved: too few steps raised the loss (condition 1 of the paper), or neither the step
    size nor the best loss has changed since the last check (condition 2); bool [N].

    :param increases: float [N]: how many of the last `interval` steps raised the loss.
    :param was_halved: bool [N]: whether the last check halved the step size.
    :param best_loss_at_check: float [N]: what the best loss was then.
    :param best_loss: float [N].
    """
    return (increases <= PROGRESS * interval) | (~was_halved & (best_loss_at_check >= best_loss))


def _check_progress(state: _State, interval: int) -> None:
    """Halve the step and go back to the best where the ascent has stalled."""
    state.was_halved = has_stalled(
        state.increases, interval, state.was_halved, state.best_loss_at_check, state.best_loss
    )
    state.best_loss_at_check = state.best_loss
    state.increases = torch.zeros_like(state.increases)
    state.step_size = torch.where(state.was_halved, state.step_size / 2, state.step_size)
    state.pixels = torch.where(shape_per_image(state.was_halved), state.best, state.pixels)
    state.gradient = torch.where(shape_per_image(state.was_halved), state.best_gradient, state.gradient)
