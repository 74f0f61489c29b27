"""A search for fewer changed values around a success, by exchanging one value at a time.

Descent on a smooth count ends where no small step helps. A number of values is a whole one, so from there the search
goes on in whole values: it gives one up, and where the model is no longer fooled it brings those that are left to
their better bounds, and exchanges in turn the one that matters least for the one that promises most.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tasks.attacks.engine.attacked_model import compute_margin
from tasks.attacks.engine.job import AttackJob
from tasks.attacks.engine.minimum_norm import Look, walk_to_smallest

REST = 30
"""For how many steps a value that was given up stays as it was."""


def search_fewer(job: AttackJob, images: Tensor, steps: int) -> Tensor:
    """The images of the fewest changed values found, float [N, C, H, W] in [0, 1]; clean where none fools the model.

    :param images: where the search begins, float [N, C, H, W] in [0, 1].
    """
    return walk_to_smallest(job, "l0", steps, _compute_loss, _Search(job.clean), images)


def _compute_loss(job: AttackJob, logits: Tensor, delta: Tensor) -> Tensor:  # noqa: ARG001
    """The logit margin by which the attack fails, [N]."""
    return -compute_margin(logits, job.labels, job.target_classes)


class _Search:
    def __init__(self, clean: Tensor) -> None:
        self._clean = clean.flatten(1)
        self._rests_until = torch.zeros_like(self._clean)
        self._failures = torch.zeros(len(clean), dtype=torch.int64, device=clean.device)

    def move(self, look: Look) -> Tensor:
        delta, slope = look.delta.flatten(1), -look.gradient.flatten(1)
        changed, wanted = delta != 0, (look.best_sizes - 1).clamp_min(1)
        bounds = torch.where(slope > 0, 1 - self._clean, -self._clean)
        promise, worth = slope * bounds, slope * delta
        moved = torch.where(changed & (promise > worth), bounds, delta)

        failed = ~look.is_adversarial & (look.sizes <= wanted)
        settled = torch.isclose(moved, delta, rtol=0, atol=1e-6).all(1)
        exchanges = failed & (settled | (self._failures % 2 == 1))
        self._failures += failed

        surplus = torch.where(exchanges, look.sizes + 1 - wanted, look.sizes - wanted)
        rank = torch.maximum(worth, promise).masked_fill(~changed, torch.inf).argsort(dim=1, stable=True).argsort(dim=1)
        given_up = changed & (rank < surplus[:, None])
        self._rests_until = torch.where(given_up, look.step + REST, self._rests_until)

        resting = changed | (self._rests_until > look.step)
        entering = promise.masked_fill(resting, -torch.inf).argmax(1, keepdim=True)
        enters = torch.zeros_like(changed).scatter(1, entering, exchanges[:, None])
        moved = torch.where(enters, bounds, moved.masked_fill(given_up, 0.0))
        return moved.view_as(look.delta)
