"""The test images certified: rows of the judge's images, and never more than attacks leave."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.evaluation.certify import certify
from tasks.evaluation.evaluate import evaluate
from tests.support.attack_models import network, network_images, settings

BOUNDS: dict[str, Any] = {"name": "interval_bounds", "batch_size": 5}


def test_rows_are_those_of_the_images_an_attack_would_see() -> None:
    model = network()
    images = network_images(model, 12)
    (found,) = certify(model, images, [settings(**BOUNDS, eps=0.001, examples=9)], 3, 0.5)
    (attacked,) = evaluate(model, images, [settings(name="fgsm", eps=0.001, examples=9)], 3, 0.5)
    for name in ("index", "label", "clean_prediction"):
        assert found.table[name].equals(attacked.table[name])
    assert found.preview is None
    assert found.table["linf"].null_count == found.table["adversarial_prediction"].null_count == 9
    assert attacked.table["radius"].null_count == 9


def test_no_image_is_certified_that_an_attack_fools() -> None:
    model = network()
    images = network_images(model, 16)
    budgets = (1e-5, 5e-5, 0.01)
    proven = certify(model, images, [settings(**BOUNDS, eps=eps) for eps in budgets], 0, 0.5)
    for eps, found in zip(budgets, proven, strict=True):
        (attacked,) = evaluate(model, images, [settings(name="pgd", eps=eps, steps=10)], 0, 0.5)
        certified, robust = (each.table["robust"].to_pylist() for each in (found, attacked))
        assert all(robust[place] for place, holds in enumerate(certified) if holds)
    counts = [found.count_correct()["robust_correct"] for found in proven]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]


@pytest.mark.parametrize("space", ["pixel", "normalized"])
def test_a_budget_is_in_the_unit_that_the_settings_name(space: str) -> None:
    model = network()
    images = network_images(model, 8)
    eps = 4e-5 if space == "pixel" else 8e-5
    (found,) = certify(model, images, [settings(**BOUNDS, eps=eps, eps_space=space)], 0, 0.5)
    radius, robust = (found.table[name].to_pylist() for name in ("radius", "robust"))
    assert robust == [size > 4.1e-5 for size in radius], "with what an audit lets an attack exceed it by"
    assert len(set(robust)) == 2
