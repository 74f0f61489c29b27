"""Learned scores, step by step on a linear model: the mask of the highest, and a gradient straight through it."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from tasks.models.build import Description, NormalizedModel, build_model
from tasks.models.settings import ModelSettings
from tasks.pruning.filters import Mask, choose_filters
from tasks.pruning.layers import Evidence
from tasks.pruning.settings import PruneSettings
from tasks.training.sparsity.learned import ScoredModel, draft_scores

HALF = PruneSettings(ratio=0.5, unit="weights", importance="hydra")


def linear() -> NormalizedModel:
    layer = nn.Linear(4, 2, bias=False)
    layer.weight.data = torch.tensor([[0.4, -1.0, 0.2, 0.8], [-0.3, 0.6, 0.1, -0.5]])
    return NormalizedModel(nn.Sequential(nn.Flatten(), layer), 0.0, 1.0)


def test_first_scores_are_the_weights_scaled_by_the_layer() -> None:
    torch.manual_seed(1)
    weight = torch.randn(5, 3, 2, 2)
    expected = math.sqrt(6 / 12) * weight / weight.abs().max()
    torch.testing.assert_close(draft_scores(weight, HALF), expected)
    sizes = weight.abs().sum((1, 2, 3))
    filters = draft_scores(weight, PruneSettings(ratio=0.5, importance="hydra"))
    torch.testing.assert_close(filters, math.sqrt(6 / 12) * sizes / sizes.max())


def test_a_step_is_that_of_the_formula() -> None:
    """s <- s - lr sign(s) w dL/dw', w' the masked weights: the mask counts as its score on the way back."""
    model, pixels, labels = linear(), torch.rand(6, 1, 2, 2), torch.tensor([0, 1, 1, 0, 1, 0])
    weight = model.network.get_parameter("1.weight").detach().clone()
    scored = ScoredModel(model, HALF)
    (score,) = scored.scores
    first = score.detach().clone()
    order = first.abs().flatten().sort(descending=True).indices
    mask = torch.zeros(8).scatter(0, order[:4], 1.0).view(2, 4)
    masked = (weight * mask).requires_grad_()
    loss = F.cross_entropy(pixels.flatten(1) @ masked.T, labels)
    (slope,) = torch.autograd.grad(loss, masked)

    torch.testing.assert_close(scored(pixels), pixels.flatten(1) @ masked.detach().T)
    optimizer = torch.optim.SGD(scored.scores.parameters(), lr=0.7)
    F.cross_entropy(scored(pixels), labels).backward()
    optimizer.step()
    torch.testing.assert_close(score.detach(), first - 0.7 * first.sign() * weight * slope)
    assert torch.equal(model.network.get_parameter("1.weight"), weight), "weights stand still"
    assert all(part.grad is None for part in model.parameters())


def test_a_mask_that_was_kept_for_an_attack_is_found_anew_for_the_next_step() -> None:
    scored, pixels = ScoredModel(linear(), HALF).eval(), torch.rand(2, 1, 2, 2)
    before = scored(pixels)
    with torch.no_grad():
        scored.scores[0].copy_(scored.scores[0].flip(1))
    assert torch.equal(scored(pixels), before)
    assert not torch.equal(scored.eval()(pixels), before)


def test_it_computes_what_the_pruned_model_will() -> None:
    torch.manual_seed(0)
    model = build_model(Description.of(ModelSettings(name="resnet8"), channels=1, classes=10))
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.bias)
    asked, pixels = PruneSettings(ratio=0.5, importance="hydra"), torch.rand(3, 1, 16, 16)
    scored = ScoredModel(model, asked).eval()
    with torch.no_grad():
        for score in scored.scores:
            score.copy_(torch.randn_like(score))
    found = scored.eval()(pixels)
    chosen = choose_filters(model, asked, torch.Generator(), Evidence(learned=scored.get_learned()))
    Mask.of(model, chosen).apply()
    torch.testing.assert_close(found, model.eval()(pixels))
