"""The test images certified: rows of the judge's images, and never more than attacks leave."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

from tasks.certificates.registry import CERTIFICATES
from tasks.evaluation.certify import certify
from tasks.evaluation.evaluate import evaluate, prepare_attacked
from tasks.transformations.defended_model import JUDGE, DefendedModel
from tasks.transformations.settings import InferenceSettings
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


SMOOTHED = InferenceSettings.model_validate(
    {"transformations": [{"name": "noise", "sigma": 0.05}], "answer": "vote", "samples": 9}
)
CERTIFIED: dict[str, tuple[dict[str, Any], tuple[float, ...]]] = {
    "interval_bounds": ({}, (1e-5, 5e-5, 0.01)),
    "crown_ibp": ({}, (1e-5, 1e-4, 0.01)),
    "randomized_smoothing": ({"sigma": 0.05, "samples": 200}, (0.02, 0.1, 0.2)),
}
"""Certificate -> its settings, and budgets of which the first is certified for some images and the last for none."""


@pytest.mark.slow
@pytest.mark.parametrize("name", CERTIFICATES)
def test_no_image_is_certified_that_an_attack_fools(name: str) -> None:
    section, budgets = CERTIFIED[name]
    model: nn.Module = network()
    images = network_images(model, 16)
    cells = [settings(name=name, **section, eps=eps) for eps in budgets]
    proven = certify(model, images, cells, 0, 0.5)
    judged, followed = model, model
    if name == "randomized_smoothing":  # what is certified, and attacked, is its vote
        judged = DefendedModel(model, SMOOTHED, 0, JUDGE, samples=SMOOTHED.samples)
        followed = DefendedModel(model, SMOOTHED, 0, "attack", samples=4)
    for eps, found in zip(budgets, proven, strict=True):
        cell = settings(name="pgd", norm=cells[0].method.norm, eps=eps, steps=10)
        (attacked,) = evaluate(judged, images, [cell], 0, 0.5, attacked=prepare_attacked(followed, images, cell))
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
