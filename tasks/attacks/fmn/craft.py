"""FMN: gradient steps within a ball whose radius is led onto the boundary (Pintor et al. 2021, arXiv 2102.12827).

In L1 a walk is soon where no small change makes it smaller, and how large that is depends on the class it came to. So
what the paper spends on one walk is divided: one goes toward any class, short ones toward each of a few, and the last
toward that of them which was nearest.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from tasks.attacks.engine.attacked_model import compute_margin
from tasks.attacks.engine.job import AttackJob, ExamplesBySteps, find_smallest
from tasks.attacks.engine.losses import rank_likeliest_others
from tasks.attacks.engine.minimum_norm import (
    Look,
    anneal,
    keep_smallest,
    measure_largest,
    measure_norm,
    normalize_length,
    walk_to_smallest,
)
from tasks.attacks.engine.norms import DUAL, NORMS
from tasks.attacks.fmn.settings import FmnSettings

LAST_STEP = 0.01
"""The last step size as a share of the first."""
FIRST_SHARE, TRIED_SHARE = 0.3, 0.32
"""The shares of the steps of the walk toward any class, and of the short ones together; the last walk has the rest."""
SHORTEST_WALK = 16
"""Steps below which a walk toward a class says nothing: there is one walk then."""


def craft_fmn(job: AttackJob, settings: FmnSettings) -> ExamplesBySteps:
    """The images of the smallest perturbations found, [N, C, H, W] in [0, 1] (algorithm 1 of the paper)."""

    def attack(job: AttackJob) -> Tensor:
        classes = rank_likeliest_others(job, settings.classes) if settings.tries_classes else job.labels[:, None]
        each = int(TRIED_SHARE * settings.steps) // classes.shape[1]
        if classes.shape[1] == 1 or each < SHORTEST_WALK:
            return _walk(job, settings, settings.steps)
        return _try_classes(job, settings, classes, each)

    return {job.step_counts[0]: find_smallest(job, attack)}


def _try_classes(job: AttackJob, settings: FmnSettings, classes: Tensor, each: int) -> Tensor:
    """The images of the smallest of several walks: one toward any class, a short one toward each of some, and one
    toward that of them whose short one found least; float [N, C, H, W], clean where nothing was found.

    :param classes: int64 [N, K].
    :param each: steps of a short walk.
    """
    first = int(FIRST_SHARE * settings.steps)
    found = [_walk(job, settings, first)]
    tried = [_walk(replace(job, target_classes=wanted), settings, each) for wanted in classes.unbind(1)]
    sizes = torch.stack([measure_norm(images - job.clean, settings.norm) for images in tried], 1)
    nearest = torch.where(sizes > 0, sizes, torch.inf).argmin(1, keepdim=True)
    job_of_nearest = replace(job, target_classes=classes.gather(1, nearest)[:, 0])
    found.append(_walk(job_of_nearest, settings, settings.steps - first - each * len(tried)))
    return keep_smallest(job.clean, found + tried, settings.norm)


def _walk(job: AttackJob, settings: FmnSettings, steps: int) -> Tensor:
    settings = settings.model_copy(update={"steps": steps})
    return walk_to_smallest(job, settings.norm, steps, _compute_loss, _Walk(job, settings))


def _compute_loss(job: AttackJob, logits: Tensor, delta: Tensor) -> Tensor:  # noqa: ARG001
    """The logit margin by which the attack fails, [N]."""
    return -compute_margin(logits, job.labels, job.target_classes)


class _Walk:
    def __init__(self, job: AttackJob, settings: FmnSettings) -> None:
        self._settings = settings
        self._largest = measure_largest(job.clean, settings.norm)
        self._eps = (
            torch.ones_like(self._largest) if settings.norm == "l0" else torch.full_like(self._largest, torch.inf)
        )

    def move(self, look: Look) -> Tensor:
        settings = self._settings
        gamma = anneal(settings.gamma, settings.last_gamma, look.step, settings.steps)
        choose = self._choose_count if settings.norm == "l0" else self._choose_radius
        self._eps = torch.minimum(choose(look, gamma), self._largest)
        step_size = anneal(settings.step_size, LAST_STEP * settings.step_size, look.step, settings.steps)
        moved = look.delta - step_size * normalize_length(look.gradient)
        return (
            keep_largest(moved, self._eps) if settings.norm == "l0" else NORMS[settings.norm].project(moved, self._eps)
        )

    def _choose_radius(self, look: Look, gamma: float) -> Tensor:
        """Any until a success was found; after one at most half way back to the linearised boundary; [N].

        The paper holds a walk that has found nothing within the linearised distance, which it may never get beyond: in
        the box a line is too hopeful. Half of that distance, and not all, since it is a guess in both directions.
        """
        steepness = measure_norm(look.gradient, DUAL[self._settings.norm]).clamp_min(1e-12)
        beyond = torch.minimum(look.margin.abs() / steepness, look.sizes)
        shrunk = torch.minimum(self._eps * (1 - gamma), look.best_sizes)
        shrunk = torch.minimum(shrunk, look.sizes - beyond / 2)
        return torch.where(look.is_adversarial, shrunk, self._eps * (1 + gamma))

    def _choose_count(self, look: Look, gamma: float) -> Tensor:
        """The same for numbers of changed values, which change by at least one; [N]."""
        fewer = torch.minimum(self._eps - 1, (self._eps * (1 - gamma)).floor())
        more = torch.maximum(self._eps + 1, (self._eps * (1 + gamma)).floor())
        return torch.where(look.is_adversarial, torch.minimum(fewer, look.best_sizes), more).clamp_min(0)


def keep_largest(delta: Tensor, counts: Tensor) -> Tensor:
    """The perturbations with all but the `counts` [N] largest changes undone; of equal ones the first stay.

    :param delta: float [N, C, H, W], as the result.
    """
    flat = delta.flatten(1)
    rank = flat.abs().argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    return flat.masked_fill(rank >= counts[:, None], 0.0).view_as(delta)
