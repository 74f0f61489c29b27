"""MART: its loss is that of the paper."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tasks.training.objectives.mart.objective import build_mart, compute_boosted_loss
from tasks.training.objectives.mart.settings import MartSettings
from tests.support.formulas import flatten, make_images, make_softmax
from tests.support.training import make_draw

EPS = 0.1


def test_the_loss_is_boosted_cross_entropy_and_a_divergence_weighted_by_wrongness() -> None:
    (model, formula), batch = make_softmax(), make_images()
    settings = MartSettings.model_validate({"beta": 3, "attack": {"name": "fgsm", "eps": EPS}})
    x, labels = flatten(batch.pixels), batch.labels.numpy()
    other = np.clip(x + EPS * np.sign(formula.loss_gradient(x, labels)), 0, 1)
    clean, hard, rows = formula.answers(x), formula.answers(other), np.arange(len(x))
    wrong = np.where(np.eye(3, dtype=bool)[labels], -1, hard).max(1)
    boosted = -np.log(hard[rows, labels]) - np.log(1 - wrong)
    expected = (boosted + 3 * formula.divergences(x, other) * (1 - clean[rows, labels])).mean()
    found = build_mart(settings)(model, batch, make_draw())
    assert found.loss.item() == pytest.approx(expected)
    assert found.accuracy.item() == pytest.approx((hard.argmax(1) == labels).mean())


def test_accuracy_is_that_of_the_examples() -> None:
    (model, formula), batch = make_softmax(), make_images()
    x = flatten(batch.pixels)
    layer = next(part for part in model.modules() if isinstance(part, nn.Linear))
    layer.bias.data -= torch.from_numpy(formula.logits(x).mean(0))  # of the formula too: no class wins everywhere
    labels = formula.answers(x).argmax(1)
    other = np.clip(x + 0.9 * np.sign(formula.loss_gradient(x, labels)), 0, 1)
    right = (formula.answers(other).argmax(1) == labels).mean()
    assert right < 1
    settings = MartSettings.model_validate({"beta": 3, "attack": {"name": "fgsm", "eps": 0.9}})
    found = build_mart(settings)(model, replace(batch, labels=torch.from_numpy(labels)), make_draw())
    assert found.accuracy.item() == pytest.approx(right)


def test_a_class_that_is_said_with_certainty_has_a_finite_loss() -> None:
    logits = torch.tensor([[0.0, 200.0, 0.0]], requires_grad=True)
    (loss,) = compute_boosted_loss(logits, torch.tensor([0]))
    assert loss.item() == pytest.approx(200 + 200 - np.log(2))
    assert torch.autograd.grad(loss, logits)[0].isfinite().all()
