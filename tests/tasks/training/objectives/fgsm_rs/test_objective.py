"""Fast adversarial training, step by step on a linear model."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tasks.training.objectives.fgsm_rs.objective import build_fgsm_rs
from tasks.training.objectives.fgsm_rs.settings import FgsmRsSettings
from tasks.training.objectives.standard.settings import STANDARD
from tests.support.formulas import flatten, make_images, make_softmax
from tests.support.training import make_draw

EPS = 0.1


@pytest.mark.parametrize("step_size", [None, 0.04])
def test_the_loss_is_cross_entropy_after_one_projected_step_from_a_random_start(step_size: float | None) -> None:
    (model, formula), batch = make_softmax(), make_images()
    start = flatten(torch.empty(batch.pixels.shape).uniform_(-EPS, EPS, generator=make_draw()))
    x, labels = flatten(batch.pixels), batch.labels.numpy()
    delta = start + (step_size or 1.25 * EPS) * np.sign(formula.loss_gradient(x + start, labels))
    expected = formula.losses(x + np.clip(delta, -EPS, EPS), labels).mean()
    found = build_fgsm_rs(FgsmRsSettings(eps=EPS, step_size=step_size))(model, batch, make_draw())
    assert found.loss.item() == pytest.approx(expected)
    assert found.eps_reached is not None
    assert found.eps_reached.item() <= EPS + 1e-6


def test_the_default_step_is_written_out_and_no_budget_is_standard_training() -> None:
    short, long = FgsmRsSettings(eps=0.08), FgsmRsSettings(eps=0.08, step_size=0.1)
    assert short.simplify() == long.simplify() == long
    assert FgsmRsSettings(eps=0).simplify() == STANDARD
