"""SmoothAdv, step by step on a linear model."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tasks.training.objectives.smooth_adv.objective import SmoothedModel, build_smooth_adv
from tasks.training.objectives.smooth_adv.settings import SmoothAdvSettings
from tests.support.formulas import flatten, make_images, make_softmax
from tests.support.training import make_draw

EPS, SIGMA = 0.3, 0.2
STEP = {"name": "ifgsm", "norm": "l2", "eps": EPS, "steps": 1, "step_size": EPS}


@pytest.mark.parametrize("samples", [1, 3])
def test_a_step_lowers_the_mean_probability_and_the_loss_is_under_the_same_noise(samples: int) -> None:
    """The gradient of -log mean p_i is the mean of those of -log p_i, weighted by p_i."""
    (model, formula), batch = make_softmax(), make_images()
    x, labels, draw = flatten(batch.pixels), batch.labels.numpy(), make_draw()
    noise = [SIGMA * flatten(torch.randn(batch.pixels.shape, generator=draw)) for _ in range(samples)]
    shares = [np.exp(-formula.losses(x + each, labels))[:, None] for each in noise]
    gradient = sum(p * formula.loss_gradient(x + each, labels) for p, each in zip(shares, noise, strict=True))
    example = np.clip(x + EPS * gradient / np.linalg.norm(gradient, axis=1, keepdims=True), 0, 1)
    settings = SmoothAdvSettings.model_validate({"sigma": SIGMA, "samples": samples, "attack": STEP})
    found = build_smooth_adv(settings)(model, batch, make_draw())
    expected = np.mean([formula.losses(example + each, labels).mean() for each in noise])
    assert found.loss.item() == pytest.approx(expected, rel=1e-5)
    assert found.eps_reached is not None
    assert found.eps_reached.item() == pytest.approx(np.max(np.linalg.norm(example - x, axis=1)), rel=1e-5)


def test_the_smoothed_model_says_the_mean_of_probabilities() -> None:
    (model, formula), batch = make_softmax(), make_images()
    x, draw = flatten(batch.pixels), make_draw()
    noise = torch.stack([torch.randn(batch.pixels.shape, generator=draw, dtype=torch.float64) for _ in range(3)])
    expected = np.mean([formula.answers(x + flatten(each)) for each in noise], axis=0)
    found = SmoothedModel(model, noise)(batch.pixels).exp().detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        ({"name": "deepfool"}, "ifgsm, mifgsm or pgd"),
        ({"name": "pgd", "eps": 0.1, "targeted": True}, "targets"),
        ({"name": "pgd", "eps": 0.1, "restarts": 2}, "restarts"),
    ],
)
def test_it_takes_attacks_of_the_loop_in_one_run(attack: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SmoothAdvSettings.model_validate({"attack": attack})
