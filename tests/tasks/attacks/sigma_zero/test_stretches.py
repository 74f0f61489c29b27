"""The search begins from the success of each stretch of the walk, and goes on from the best that came of them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tasks.attacks.engine.minimum_norm import Look
from tasks.attacks.sigma_zero import stretches
from tasks.attacks.sigma_zero.stretches import STRETCHES, StretchedWalk, search_from_each
from tests.support.attack_models import SIDE, Linear, craft, job_of, linear_images, settings

CLEAN = torch.full((1, 1, 2, 2), 0.5)


def change(count: int) -> Tensor:
    """So many of the four values changed, float [1, 1, 2, 2]."""
    return (torch.arange(4) < count).float().mul(0.25).view(1, 1, 2, 2)


class Still:
    def move(self, look: Look) -> Tensor:
        return look.delta


def look_at(step: int, count: int, fooled: bool) -> Look:
    size = torch.tensor([float(count)])
    return Look(step, change(count), change(1), size, torch.tensor([fooled]), size, 0, size)


def test_each_stretch_keeps_its_success_of_the_fewest_values() -> None:
    walk = StretchedWalk(Still(), CLEAN, 2 * STRETCHES)
    for step, count, fooled in ((0, 3, True), (1, 2, True), (2, 3, True), (3, 1, False), (6, 4, True), (7, 4, True)):
        walk.move(look_at(step, count, fooled))
    assert [int((images != CLEAN).sum()) for images in walk.list_found()] == [2, 3, 0, 4]


@pytest.mark.parametrize(("steps", "asked"), [(41, [5, 5, 5, 5, 21]), (7, [7])])
def test_half_of_the_steps_go_to_all_and_the_rest_to_the_best(
    steps: int, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Linear()
    job = job_of(model, linear_images(1), (1,))
    begun: list[tuple[Tensor, int]] = []

    def search(_job: object, start: Tensor, steps: int) -> Tensor:
        begun.append((start, steps))
        return start

    monkeypatch.setattr(stretches, "search_fewer", search)
    starts = [job.clean.clone() for _ in range(STRETCHES)]
    starts[2][:, :, 0, 0] += 0.1
    search_from_each(job, starts, starts[2], steps)
    assert [count for _, count in begun] == asked
    assert torch.equal(begun[-1][0], starts[2])


def test_the_walk_hands_over_what_its_stretches_found(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Linear()
    job = job_of(model, linear_images(), (1,))
    starts: list[Tensor] = []

    def search(_job: object, start: Tensor, _steps: int) -> Tensor:
        starts.append(start)
        return start

    monkeypatch.setattr(stretches, "search_fewer", search)
    craft(job, settings(name="sigma_zero", norm="l0", steps=100))
    assert len(starts) == STRETCHES + 1
    fooling = [job.is_adversarial(start) for start in starts]
    assert fooling[-1].all()
    counts = [(start != job.clean).flatten(1).sum(1).clamp_max(SIDE * SIDE) for start in starts]
    least = torch.stack(
        [torch.where(fools, count, SIDE * SIDE) for fools, count in zip(fooling[:-1], counts[:-1], strict=True)]
    )
    assert torch.equal(counts[-1], least.amin(0))
