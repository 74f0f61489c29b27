"""TRADES: its loss is that of the paper, and its examples raise the divergence within the budget."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tasks.attacks.gradient.settings import IterativeSettings
from tasks.training.objectives.standard.settings import STANDARD
from tasks.training.objectives.trades.objective import build_trades
from tasks.training.objectives.trades.settings import TradesSettings
from tests.support.formulas import flatten, make_images, make_softmax
from tests.support.training import make_draw

EPS = 0.1


def settings(**attack: object) -> TradesSettings:
    made = {"name": "ifgsm", "eps": EPS, "steps": 3, "step_size": 0.06, **attack}
    return TradesSettings.model_validate({"beta": 2.5, "attack": made})


def test_the_loss_is_cross_entropy_and_beta_times_the_divergence() -> None:
    (model, formula), batch, objective = make_softmax(), make_images(), build_trades(settings())
    crafted = objective.craft(model, batch, make_draw())
    x, other, labels = flatten(batch.pixels), flatten(crafted.crafted), batch.labels.numpy()
    expected = formula.losses(x, labels).mean() + 2.5 * formula.divergences(x, other).mean()
    found = objective.compute_loss(model, crafted, make_draw())
    assert found.loss.item() == pytest.approx(expected)
    assert found.accuracy.item() == pytest.approx((formula.answers(x).argmax(1) == labels).mean())
    assert found.eps_reached is not None
    assert found.eps_reached.item() == pytest.approx(EPS)
    assert model.training
    assert objective(model, batch, make_draw()).loss.item() == pytest.approx(expected)


def test_examples_are_steps_along_the_gradient_of_the_divergence_from_a_little_noise() -> None:
    """By x', KL(p || q(x')) has the gradient (q - p) W."""
    (model, formula), batch = make_softmax(), make_images()
    found = flatten(build_trades(settings()).craft(model, batch, make_draw()).crafted)
    draw, x = make_draw(), flatten(batch.pixels)
    torch.randint(0, 2**62, (), generator=draw)
    point = x + 0.001 * flatten(torch.randn(batch.pixels.shape, generator=draw))
    for _ in range(3):
        gradient = (formula.answers(point) - formula.answers(x)) @ formula.weight
        point = np.clip(point + 0.06 * np.sign(gradient), x - EPS, x + EPS)
    np.testing.assert_allclose(found, point, atol=1e-6)


def test_examples_are_made_in_evaluation_mode_and_the_loss_is_taken_in_training_mode() -> None:
    (model, _), batch, objective = make_softmax(), make_images(), build_trades(settings())
    modes: list[bool] = []
    model.register_forward_pre_hook(lambda module, _: modes.append(module.training))
    crafted = objective.craft(model, batch, make_draw())
    assert modes
    assert not any(modes)
    modes.clear()
    objective.compute_loss(model, crafted, make_draw())
    assert modes == [True, True]


def test_random_starts_are_within_the_budget() -> None:
    (model, _), batch = make_softmax(), make_images()
    tiny = settings(name="pgd", steps=1, step_size=1e-6)
    one, two = (build_trades(tiny).craft(model, batch, torch.Generator().manual_seed(seed)).crafted for seed in (0, 1))
    for examples in (one, two):
        assert 0.05 < (examples - batch.pixels).abs().max() <= EPS + 1e-6
    assert not torch.equal(one, two)


@pytest.mark.parametrize("attack", [{"name": "fgsm", "eps": 0.1}, {"name": "ifgsm", "eps": 0.1, "targeted": True}])
def test_an_attack_that_cannot_raise_a_divergence_is_refused(attack: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="trades"):
        TradesSettings.model_validate({"attack": attack})


def test_without_a_budget_or_a_weight_it_is_standard_training() -> None:
    assert settings(eps=0).simplify() == STANDARD
    assert TradesSettings.model_validate({"beta": 0, "attack": {"name": "pgd", "eps": EPS}}).simplify() == STANDARD
    kept = settings()
    assert kept.simplify() == kept
    assert isinstance(kept.attack, IterativeSettings)
