"""Input gradient regularisation: its loss is that of the paper, and its gradient sees the penalty."""

from __future__ import annotations

import pytest
import torch

from tasks.training.objectives.input_gradient.objective import build_input_gradient
from tasks.training.objectives.input_gradient.settings import InputGradientSettings
from tasks.training.objectives.standard.settings import STANDARD
from tests.support.formulas import flatten, make_images, make_softmax
from tests.support.training import make_draw


def test_the_loss_is_cross_entropy_and_the_squared_norm_of_its_gradient() -> None:
    (model, formula), batch = make_softmax(), make_images()
    x, labels = flatten(batch.pixels), batch.labels.numpy()
    penalty = (formula.loss_gradient(x, labels) ** 2).sum(1).mean()
    objective = build_input_gradient(InputGradientSettings(weight=0.7))
    found = objective(model, batch, make_draw())
    assert found.loss.item() == pytest.approx(formula.losses(x, labels).mean() + 0.7 * penalty)

    (weight, _) = model.parameters()
    (gradient,) = torch.autograd.grad(found.loss, weight)
    moved = torch.zeros_like(weight)
    moved[1, 2] = 1e-5
    losses = []
    for sign in (1, -1):
        weight.data += sign * moved
        losses.append(objective(model, batch, make_draw()).loss.item())
        weight.data -= sign * moved
    assert gradient[1, 2].item() == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=1e-5)


def test_without_weight_it_is_standard_training() -> None:
    assert InputGradientSettings(weight=0).simplify() == STANDARD
