"""N-FGSM, step by step on a linear model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tasks.training.objectives.n_fgsm.objective import build_n_fgsm
from tasks.training.objectives.n_fgsm.settings import NFgsmSettings
from tests.support.formulas import flatten, make_images, make_softmax
from tests.support.training import make_draw

EPS = 0.1


@pytest.mark.parametrize("noise", [0.5, 2.0, 6.0])
def test_noise_and_step_add_up_and_only_the_range_of_pixels_clips_them(noise: float) -> None:
    (model, formula), batch = make_softmax(), make_images()
    drawn = flatten(torch.empty(batch.pixels.shape).uniform_(-noise * EPS, noise * EPS, generator=make_draw()))
    x, labels = flatten(batch.pixels), batch.labels.numpy()
    noisy = np.clip(x + drawn, 0, 1)
    example = np.clip(noisy + EPS * np.sign(formula.loss_gradient(noisy, labels)), 0, 1)
    found = build_n_fgsm(NFgsmSettings(eps=EPS, noise=noise))(model, batch, make_draw())
    assert found.loss.item() == pytest.approx(formula.losses(example, labels).mean())
    assert found.eps_reached is not None
    assert found.eps_reached.item() == pytest.approx(np.abs(example - x).max())


def test_the_gradient_is_that_of_the_noisy_image() -> None:
    (model, _), batch = make_softmax(), make_images()
    drawn = torch.empty(batch.pixels.shape).uniform_(-2 * EPS, 2 * EPS, generator=make_draw())
    seen: list[torch.Tensor] = []
    model.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    build_n_fgsm(NFgsmSettings(eps=EPS, noise=2.0)).craft(model, batch, make_draw())
    assert len(seen) == 1
    torch.testing.assert_close(seen[0], (batch.pixels + drawn).clamp(0, 1))


def test_two_steps_of_training_are_those_of_the_algorithm() -> None:
    """The weights after two steps of gradient descent, with the gradient of the loss written out."""
    (model, formula), batch = make_softmax(), make_images()
    objective, draw, again = build_n_fgsm(NFgsmSettings(eps=EPS)), make_draw(), make_draw()
    x, labels, weight = flatten(batch.pixels), batch.labels.numpy(), formula.weight.copy()
    layer = next(part for part in model.modules() if isinstance(part, nn.Linear))
    layer.bias.data.zero_()
    layer.bias.requires_grad_(False)
    for _ in range(2):
        (gradient,) = torch.autograd.grad(objective(model, batch, draw).loss, layer.weight)
        layer.weight.data -= 0.5 * gradient

        now = type(formula)(weight, np.zeros(3))
        noise = flatten(torch.empty(batch.pixels.shape).uniform_(-2 * EPS, 2 * EPS, generator=again))
        noisy = np.clip(x + noise, 0, 1)
        example = np.clip(noisy + EPS * np.sign(now.loss_gradient(noisy, labels)), 0, 1)
        weight = weight - 0.5 * (now.answers(example) - np.eye(3)[labels]).T @ example / len(x)
    np.testing.assert_allclose(layer.weight.detach().numpy(), weight, atol=1e-6)
