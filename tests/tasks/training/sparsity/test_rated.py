"""Learned ratios of layers, on two layers whose masks and gradients are written out."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from tasks.models.build import NormalizedModel
from tasks.pruning.filters import mark_units
from tasks.pruning.layers import Evidence
from tasks.pruning.settings import PruneSettings
from tasks.training.objectives.step import StepOutcome
from tasks.training.sparsity.rated import RatedModel, press_shares
from tests.support.formulas import make_images
from tests.support.training import make_draw

HALF = PruneSettings(ratio=0.5, unit="weights", within="network", importance="harp")
FIRST, LAST = [[0.4, -1.0, 0.2, 0.8], [-0.3, 0.6, 0.1, -0.5]], [[0.9, -0.1], [0.3, 0.2], [-0.7, 0.5]]


def make_rated(*shares: float) -> RatedModel:
    """Layers of 8 and 6 weights that keep these shares."""
    layers = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False), nn.Linear(2, 3, bias=False))
    for name, weight in (("1", FIRST), ("2", LAST)):
        layers.get_parameter(f"{name}.weight").data = torch.tensor(weight)
    rated = RatedModel(NormalizedModel(layers, 0.0, 1.0), HALF)
    if shares:
        inner = torch.tensor([(share - rated.least) / (1 - rated.least) for share in shares])
        rated.rates.data = inner.logit()
    return rated


def mask(weight: list[list[float]], kept: int) -> Tensor:
    sizes = torch.tensor(weight).abs()
    return (sizes >= sizes.flatten().sort(descending=True).values[kept - 1]).float()


def test_it_begins_with_the_same_share_in_every_layer_and_keeps_more_than_it_may_nowhere() -> None:
    rated = make_rated()
    torch.testing.assert_close(rated.compute_shares(), torch.tensor([0.5, 0.5]))
    assert rated.compute_excess().item() == pytest.approx(0, abs=1e-6)
    assert make_rated(0.25, 0.25).compute_excess().item() == 0, "to keep too little is no merit"
    rated.rates.data.fill_(-100.0)
    torch.testing.assert_close(rated.compute_shares(), torch.tensor([1 / 8, 1 / 6]), msg="one weight of each layer")


def test_each_layer_keeps_its_share_of_the_highest_scores() -> None:
    rated, pixels = make_rated(0.75, 1 / 3), torch.rand(5, 1, 2, 2)
    first, last = torch.tensor(FIRST) * mask(FIRST, 6), torch.tensor(LAST) * mask(LAST, 2)
    torch.testing.assert_close(rated(pixels), pixels.flatten(1) @ first.T @ last.T)


def test_a_share_has_the_gradient_of_the_quantile_and_the_sum_of_its_layer() -> None:
    """The mask counts as |s| - q(1 - a): its derivative by a is the distance of two neighbours times 7."""
    rated, pixels = make_rated(0.75, 1 / 3), torch.rand(5, 1, 2, 2)
    weight, kept = torch.tensor(FIRST), mask(FIRST, 6).requires_grad_()
    found = (pixels.flatten(1) @ (weight * kept).T @ (torch.tensor(LAST) * mask(LAST, 2)).T).square().sum()
    (slope,) = torch.autograd.grad(found, kept)
    shares = rated.compute_shares()
    sizes = (rated.scores[0].detach().abs()).flatten().sort().values
    place = 0.25 * 7
    rise = 7 * (sizes[math.floor(place) + 1] - sizes[math.floor(place)])
    inner = (0.75 - rated.least) / (1 - rated.least)
    expected = slope.sum() * rise * (1 - rated.least) * inner * (1 - inner)
    rated(pixels).square().sum().backward()
    assert shares[0].item() == pytest.approx(0.75)
    assert rated.rates.grad is not None
    torch.testing.assert_close(rated.rates.grad[0], expected)


def test_the_exact_ratio_is_taken_in_the_proportion_of_the_learned_shares() -> None:
    rated = make_rated(0.75, 1 / 4)
    marks = mark_units(rated.model, HALF, torch.Generator(), Evidence(learned=rated.get_learned()))
    assert sum(int(mark.sum()) for mark in marks.values()) == 7
    assert [int((~mark).sum()) for mark in marks.values()] == [6, 1]
    more = HALF.model_copy(update={"ratio": 0.7})
    fewer = mark_units(rated.model, more, torch.Generator(), Evidence(learned=rated.get_learned()))
    assert all((fewer[name] | ~mark).all() for name, mark in marks.items()), "masks are nested"


def test_what_is_kept_too_much_is_pressed_down_more_and_more() -> None:
    """8 and 6 weights at shares of 3/4 and 1/2 are 9 of the 7 that may stay: 2/7 too many."""
    rated, batch = make_rated(0.75, 0.5), make_images()
    constant = torch.tensor(3.0)
    objective = press_shares(lambda model, batch, draw: StepOutcome(constant, constant), rated, 0.5)  # noqa: ARG005
    for progress in (0.0, 0.5, 0.9):
        found = objective(rated, replace(batch, progress=progress), make_draw())
        assert found.loss.item() == pytest.approx(3 + progress * 0.5 * 2 / 7)
    found.loss.backward()
    assert rated.rates.grad is not None
    assert (rated.rates.grad > 0).all()
