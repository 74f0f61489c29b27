"""Free adversarial training, step by step on a linear model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from tasks.training.objectives.free.objective import build_free
from tasks.training.objectives.free.settings import FreeSettings
from tests.support.formulas import Softmax, flatten, make_images, make_softmax
from tests.support.training import make_draw

EPS, RATE = 0.15, 0.5


def test_one_backward_pass_moves_the_weights_and_the_perturbation_which_is_carried_on() -> None:
    """Two batches, the second smaller, twice each; then another epoch, which begins without a perturbation."""
    (model, formula), batch = make_softmax(), make_images()
    few = replace(batch, pixels=batch.pixels[:2].flip(3), labels=batch.labels[:2], index=batch.index[:2])
    objective = build_free(FreeSettings(eps=EPS, replays=2))
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    weight, bias, delta = formula.weight.copy(), formula.bias.copy(), np.zeros((5, 6))
    for step, (one, is_first) in enumerate([(batch, True), (batch, False), (few, False), (few, False), (batch, True)]):
        optimizer.zero_grad()
        loss = objective(model, replace(one, is_first=is_first), make_draw()).loss
        loss.backward()
        optimizer.step()

        if step == 4:
            delta = np.zeros((5, 6))
        now, x, labels = Softmax(weight, bias), flatten(one.pixels), one.labels.numpy()
        shown = np.clip(x + delta[: len(x)], 0, 1)
        np.testing.assert_allclose(loss.item(), now.losses(shown, labels).mean())
        error = (now.answers(shown) - np.eye(3)[labels]) / len(x)
        delta[: len(x)] = np.clip(delta[: len(x)] + EPS * np.sign(error @ weight), -EPS, EPS)
        weight, bias = weight - RATE * error.T @ shown, bias - RATE * error.sum(0)
    layer = next(part for part in model.modules() if isinstance(part, nn.Linear))
    np.testing.assert_allclose(layer.weight.detach().numpy(), weight, rtol=1e-9)


def test_an_epoch_costs_its_replays() -> None:
    settings = FreeSettings(eps=EPS, replays=6)
    assert (settings.steps_per_batch, settings.expected_passes) == (6, 18.0)
