"""Jacobian regularisation: exact and estimated, on a model whose Jacobian is its weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tasks.training.objectives.jacobian.objective import build_jacobian, compute_squared_norms
from tasks.training.objectives.jacobian.settings import JacobianSettings
from tests.support.formulas import IMAGES, flatten, make_images, make_softmax
from tests.support.training import make_draw


@pytest.mark.parametrize("penalty", ["norm", "squared"])
def test_the_loss_is_cross_entropy_and_the_frobenius_norm(penalty: str) -> None:
    (model, formula), batch = make_softmax(), make_images()
    square = (formula.weight**2).sum()
    size = np.sqrt(IMAGES * square) if penalty == "norm" else square / 2
    settings = JacobianSettings.model_validate({"weight": 0.2, "penalty": penalty})
    found = build_jacobian(settings)(model, batch, make_draw())
    x, labels = flatten(batch.pixels), batch.labels.numpy()
    assert found.loss.item() == pytest.approx(formula.losses(x, labels).mean() + 0.2 * size)
    (weight, _) = model.parameters()
    (gradient,) = torch.autograd.grad(found.loss, weight)
    plain = torch.autograd.grad(nn.functional.cross_entropy(model(batch.pixels), batch.labels), weight)[0]
    slope = np.sqrt(IMAGES / square) * formula.weight if penalty == "norm" else formula.weight
    np.testing.assert_allclose((gradient - plain).numpy(), 0.2 * slope, rtol=1e-5)


def test_random_projections_estimate_it() -> None:
    (model, formula), batch = make_softmax(), make_images()
    pixels = batch.pixels.requires_grad_(True)
    found = compute_squared_norms(model(pixels), pixels, 600, make_draw())
    assert found.mean().item() == pytest.approx((formula.weight**2).sum(), rel=0.05)
    one = compute_squared_norms(model(pixels), pixels, 1, make_draw())
    assert len({round(value, 6) for value in one.tolist()}) == IMAGES, "a direction of its own for each image"
