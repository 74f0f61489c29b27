"""AdvGAN at test time: on a linear model the best perturbation is known, and one pass finds it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from tasks.data.images import convert_to_float
from tests.support.attack_models import SIDE, Linear, craft, job_of, linear_images, settings


class BestMove(nn.Module):
    """What moves each image of the linear model toward the other class fastest within an Linf ball."""

    def forward(self, pixels: Tensor) -> Tensor:
        model = Linear()
        direction = model.weight.detach().sign().view(1, 1, SIDE, SIDE)
        is_first = model(pixels).argmax(1).eq(0).view(-1, 1, 1, 1)
        return torch.where(is_first, -direction, direction)


@pytest.mark.parametrize("share", [0.999, 1.001])
def test_the_best_generator_reaches_what_can_be_reached(share: float) -> None:
    model, images = Linear(), linear_images()
    eps = float(model.distances(convert_to_float(images.pixels), "linf").median()) * share
    job = replace(job_of(model, images, (1,)), generator=BestMove())
    fooled = job.is_adversarial(craft(job, settings(name="advgan", eps=eps)))
    assert torch.equal(fooled, model.distances(job.clean, "linf") < eps)


def test_an_image_gets_what_it_gets_alone_and_one_that_is_misclassified_stays() -> None:
    model, images = Linear(), linear_images()
    job = replace(job_of(model, images, (1,)), generator=BestMove())
    job = replace(job, labels=torch.cat([1 - job.labels[:3], job.labels[3:]]))
    cell = settings(name="advgan", eps=0.1)
    together = craft(job, cell)
    alone = [craft(job.select(place[None]), cell) for place in torch.arange(len(images))]
    assert torch.equal(together, torch.cat(alone))
    moved = (together - job.clean).abs().flatten(1).amax(1)
    assert not moved[:3].any()
    assert moved[3:].allclose(torch.tensor(0.1))


class TooFar(nn.Module):
    """A plugin's generator that moves pixels by three budgets."""

    def forward(self, pixels: Tensor) -> Tensor:
        return torch.full_like(pixels, 3.0)


def test_what_goes_beyond_the_budget_is_brought_back() -> None:
    job = replace(job_of(Linear(), linear_images(), (1,)), generator=TooFar())
    found = craft(job, settings(name="advgan", eps=0.05))
    assert (found - job.clean).allclose(torch.tensor(0.05))
