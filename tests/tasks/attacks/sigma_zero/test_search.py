"""The search for fewer changed values exchanges them one at a time, and never loses what it has."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tasks.attacks.engine.attacked_model import AttackedModel
from tasks.attacks.engine.job import AttackJob
from tasks.attacks.engine.norms import measure_sizes
from tasks.attacks.sigma_zero.search import search_fewer
from tests.support.attack_models import SIDE, Linear, job_of, linear_images


def push_values(job: AttackJob, places: Tensor, share: float = 1.0) -> Tensor:
    """The images with some values a share of the way to the bound that helps; places: bool [N, F]."""
    flat = job.clean.flatten(1)
    toward = torch.where(job.labels[:, None] == 0, -1, 1) * Linear().weight.detach()
    moved = torch.where(toward > 0, share + (1 - share) * flat, (1 - share) * flat)
    return torch.where(places, moved, flat).view_as(job.clean)


def count_changed(job: AttackJob, images: Tensor) -> Tensor:
    return measure_sizes(images - job.clean)["l0"]


def test_what_is_not_needed_is_given_up() -> None:
    model = Linear()
    job = job_of(model, linear_images(), (1,))
    every = push_values(job, torch.ones(len(job.labels), SIDE * SIDE, dtype=torch.bool))
    found = search_fewer(job, every, SIDE * SIDE + 1)
    assert job.is_adversarial(found).all()
    assert torch.equal(count_changed(job, found), model.fewest(job.clean))


def test_values_that_matter_little_are_exchanged_for_others() -> None:
    """The weakest values fool the model as well, but it takes more of them."""
    model = Linear()
    job = job_of(model, linear_images(), (1,))
    weakest_first = model.weight.detach().abs().argsort()
    images = job.clean
    for count in range(1, SIDE * SIDE + 1):
        chosen = torch.zeros(SIDE * SIDE, dtype=torch.bool)
        chosen[weakest_first[:count]] = True
        more = push_values(job, chosen.expand(len(job.labels), -1))
        fooled = job.is_adversarial(images)
        images = torch.where(fooled[:, None, None, None], images, more)
    few = model.fewest(job.clean)
    assert (count_changed(job, images) > few).any()
    found = search_fewer(job, images, 60)
    assert job.is_adversarial(found).all()
    assert torch.equal(count_changed(job, found), few)


def test_values_go_to_their_bounds_before_others_are_asked() -> None:
    """The right values, a tenth of the way: one step makes them fool the model."""
    model = Linear()
    job = job_of(model, linear_images(), (1,))
    few = model.fewest(job.clean)
    flat, weight = job.clean.flatten(1), model.weight.detach()
    toward = torch.where(job.labels[:, None] == 0, -1, 1) * weight
    gain = toward.abs() * torch.where(toward > 0, 1 - flat, flat)
    rank = gain.argsort(dim=1, descending=True).argsort(dim=1)
    start = push_values(job, rank < few[:, None], 0.1)
    assert not job.is_adversarial(start).all()
    found = search_fewer(job, start, 2)
    assert job.is_adversarial(found).all()
    assert torch.equal(count_changed(job, found), few)


def test_a_success_that_cannot_be_bettered_stays() -> None:
    model = Linear()
    job = job_of(model, linear_images(), (1,))
    every = push_values(job, torch.ones(len(job.labels), SIDE * SIDE, dtype=torch.bool))
    best = search_fewer(job, every, SIDE * SIDE + 1)
    assert torch.equal(search_fewer(job, best, 20), best)


def test_where_nothing_was_found_values_are_added_until_the_model_is_fooled() -> None:
    model = Linear()
    job = job_of(model, linear_images(), (1,))
    found = search_fewer(job, job.clean, 60)
    assert job.is_adversarial(found).all()
    assert torch.equal(count_changed(job, found), model.fewest(job.clean))


class Saturated(nn.Module):
    """The first value is steep at grey and counts for little; the second alone is enough, the third is not."""

    def forward(self, pixels: Tensor) -> Tensor:
        first, second, third, _ = (pixels.flatten(1) - 0.5).unbind(1)
        lead = 3 * first.clamp_max(0.1) + second + 0.4 * third - 0.45
        return torch.stack([0 * lead, lead], 1)


def test_a_value_that_was_given_up_does_not_come_back_at_once() -> None:
    model = Saturated()
    clean = torch.full((1, 1, 2, 2), 0.5)
    job = AttackJob(AttackedModel(model, model, model), clean, torch.tensor([0]), (1,), torch.arange(1))
    start = torch.tensor([1.0, 0.5, 1.0, 0.5]).view_as(clean)
    found = search_fewer(job, start, 3)
    assert found.flatten().tolist() == [0.5, 1.0, 0.5, 0.5]


def test_every_image_is_searched_alone() -> None:
    model = Linear()
    job = job_of(model, linear_images(), (1,))
    every = push_values(job, torch.ones(len(job.labels), SIDE * SIDE, dtype=torch.bool))
    found = search_fewer(job, every, 12)
    chosen = torch.tensor([5, 2])
    assert torch.equal(search_fewer(job.select(chosen), every[chosen], 12), found[chosen])
