"""The loop toward the smallest perturbation keeps the smallest success, and no other."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tasks.attacks.engine.job import AttackJob
from tasks.attacks.engine.minimum_norm import (
    Adam,
    Look,
    anneal,
    keep_smallest,
    measure_largest,
    measure_norm,
    normalize_length,
    scale_per_image,
    walk_to_smallest,
)
from tasks.without_compiler import leave_out_compiler
from tests.support.attack_models import Linear, job_of, linear_images


class Scripted:
    """Goes along the gradient as far as it is told, and remembers what it saw."""

    def __init__(self, model: Linear, job: AttackJob, shares: tuple[float, ...]) -> None:
        self.distances, self.shares, self.looks = model.distances(job.clean, "l2"), shares, list[Look]()

    def move(self, look: Look) -> Tensor:
        self.looks.append(look)
        share = self.shares[look.step] if look.step < len(self.shares) else 0.0
        return scale_per_image(-normalize_length(look.gradient), share * self.distances)


def margin_loss(job: AttackJob, logits: Tensor, delta: Tensor) -> Tensor:  # noqa: ARG001
    own = logits.gather(1, job.labels[:, None])[:, 0]
    return own - logits.scatter(1, job.labels[:, None], -torch.inf).amax(1)


def test_the_smallest_success_is_kept_whenever_it_came() -> None:
    model = Linear()
    job = job_of(model, linear_images(), (1,))
    walk = Scripted(model, job, (1.5, 1.1, 0.9, 1.3))
    found = walk_to_smallest(job, "l2", 5, margin_loss, walk)
    torch.testing.assert_close(measure_norm(found - job.clean, "l2"), 1.1 * walk.distances, rtol=1e-4, atol=0)
    assert [bool(look.is_adversarial.all()) for look in walk.looks] == [False, True, True, False, True]
    assert [bool((look.margin > 0).any()) for look in walk.looks] == [False, True, True, False, True]
    assert walk.looks[0].best_sizes.isinf().all()
    torch.testing.assert_close(walk.looks[3].best_sizes, 1.1 * walk.distances, rtol=1e-4, atol=0)


def test_without_a_success_the_image_stays_clean() -> None:
    model = Linear()
    job = job_of(model, linear_images(), (1,))
    found = walk_to_smallest(job, "l2", 3, margin_loss, Scripted(model, job, (0.5, 0.9)))
    assert torch.equal(found, job.clean)


def test_images_stay_within_their_range() -> None:
    model = Linear()
    job = job_of(model, linear_images(), (1,))
    walk = Scripted(model, job, (50.0,))
    found = walk_to_smallest(job, "l2", 2, margin_loss, walk)
    assert found.min() >= 0
    assert found.max() <= 1
    assert (walk.looks[1].sizes <= measure_largest(job.clean, "l2") + 1e-5).all()


def test_sizes_of_a_perturbation() -> None:
    delta = torch.tensor([[0.3, -0.4, 0.0, 0.0]]).view(1, 1, 2, 2)
    expected = {"linf": 0.4, "l2": 0.5, "l1": 0.7, "l0": 2.0}
    assert {norm: round(float(measure_norm(delta, norm)), 6) for norm in expected} == expected
    grey = torch.tensor([[0.2, 0.9]]).view(1, 1, 1, 2)
    assert float(measure_largest(grey, "l1")) == pytest.approx(1.7)


def test_half_a_cosine_leads_from_the_first_to_the_last_value() -> None:
    values = [anneal(2.0, 1.0, step, 4) for step in range(5)]
    assert values == pytest.approx([2.0, 1.5 + math.sqrt(0.125), 1.5, 1.5 - math.sqrt(0.125), 1.0])


def test_adam_moves_as_that_of_torch() -> None:
    point = torch.zeros(2, 1, 2, 2, requires_grad=True)
    optimizer = leave_out_compiler(torch.optim.Adam)([point], lr=0.1)
    ours, here = Adam(torch.zeros(2, 1, 2, 2)), torch.zeros(2, 1, 2, 2)
    for seed in range(4):
        gradient = torch.randn(here.shape, generator=torch.Generator().manual_seed(seed))
        point.grad = gradient.clone()
        optimizer.step()
        mean, speed = ours.advance(gradient)
        here = here - 0.1 * mean / speed
    torch.testing.assert_close(here, point.detach())


def test_the_smallest_of_several_is_kept_and_what_found_nothing_is_passed_over() -> None:
    clean = torch.full((2, 1, 2, 2), 0.5)

    def change(*values: float) -> Tensor:
        return clean + torch.tensor(values).expand(2, 4).reshape(clean.shape)

    found = [clean, change(0.25, 0.25, 0, 0), change(0.375, 0, 0, 0), change(0.125, 0.125, 0.25, 0)]
    assert torch.equal(keep_smallest(clean, found, "l1"), found[2])
    assert torch.equal(keep_smallest(clean, found, "l0"), found[2])
    assert torch.equal(keep_smallest(clean, found, "linf"), found[1])
    assert torch.equal(keep_smallest(clean, [clean, clean], "l1"), clean)
