"""Adversarial logit pairing: its loss is that of the paper."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.training.objectives.logit_pairing.objective import build_logit_pairing
from tasks.training.objectives.logit_pairing.settings import LogitPairingSettings
from tasks.training.objectives.standard.settings import STANDARD
from tests.support.formulas import flatten, make_images, make_softmax
from tests.support.training import make_draw

EPS = 0.1


def settings(**fields: float) -> LogitPairingSettings:
    return LogitPairingSettings.model_validate({"lambda": 0.3, "attack": {"name": "fgsm", "eps": EPS}, **fields})


def test_the_loss_is_the_mix_and_the_distance_of_the_logits() -> None:
    (model, formula), batch = make_softmax(), make_images()
    x, labels = flatten(batch.pixels), batch.labels.numpy()
    other = np.clip(x + EPS * np.sign(formula.loss_gradient(x, labels)), 0, 1)
    distance = ((formula.logits(x) - formula.logits(other)) ** 2).sum(1).mean()
    mixed = 0.7 * formula.losses(x, labels).mean() + 0.3 * formula.losses(other, labels).mean()
    found = build_logit_pairing(settings(pairing=0.4))(model, batch, make_draw())
    assert found.loss.item() == pytest.approx(mixed + 0.4 * distance)
    right = [(formula.answers(images).argmax(1) == labels).mean() for images in (x, other)]
    assert found.accuracy.item() == pytest.approx(0.7 * right[0] + 0.3 * right[1])


def test_where_nothing_is_paired_or_mixed_it_is_standard_training() -> None:
    assert settings(pairing=0, **{"lambda": 0}).simplify() == STANDARD
    assert settings(pairing=0).simplify() != STANDARD
    assert settings(**{"lambda": 0}).simplify() != STANDARD
