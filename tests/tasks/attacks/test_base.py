"""What the classes say of their attacks is true, and every attack keeps what all of them promise."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tasks.attacks.autoattack import craft as autoattack
from tasks.attacks.engine.job import load_attack
from tasks.attacks.registry import ATTACKS, list_attacks
from tasks.data.images import convert_to_float
from tasks.evaluation.evaluate import evaluate
from tests.support.attack_models import (
    EPS,
    QUICK_SETTINGS,
    Linear,
    count_passes,
    job_of,
    linear_images,
    network,
    network_images,
    settings,
)
from tests.support.short_autoattack import list_shorter_settings

SLOW = {"autoattack"}
"""Tested where a few steps are enough; its own tests say that it asks what its parts ask."""
GENERATED = {name for name, attack in list_attacks().items() if attack.access == "generator"}
"""They need a generator: their own tests count their passes and divide their batches."""


def mark_slow(name: str) -> list[pytest.MarkDecorator]:
    """The mark of a case with this attack."""
    return [pytest.mark.slow] if name in SLOW else []


BOUNDED = [
    pytest.param(name, norm, stop, marks=mark_slow(name))
    for name, attack in list_attacks().items()
    if attack.access == "gradient" and attack.bounded
    for norm in attack.norms()
    for stop in ([True, False] if attack.in_gradient_loop else [True])
]
ENOUGH_STEPS = 25
"""Of Auto-PGD, alone and in AutoAttack."""
ENOUGH: dict[str, dict[str, Any]] = {
    "pgd": {"steps": 40, "restarts": 2},
    "apgd_ce": {"steps": ENOUGH_STEPS},
    "apgd_t": {"steps": ENOUGH_STEPS},
}
"""Settings with which an attack comes close enough to the boundary of a linear model, and takes no more steps."""


def middle_budget(norm: str) -> tuple[float, int]:
    """A budget between the distances of two images, far from both, and how many withstand it."""
    model, images = Linear(), linear_images()
    distances = model.distances(convert_to_float(images.pixels), norm).sort().values
    gaps = distances[3:9].diff()
    place = 3 + int(gaps.argmax())
    return float(distances[place : place + 2].mean()), len(distances) - place - 1


@pytest.mark.parametrize(("name", "norm", "stop"), BOUNDED)
def test_success_within_a_budget_is_exact(name: str, norm: str, stop: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for part, shorter in list_shorter_settings(ENOUGH_STEPS, targets=3).items():
        monkeypatch.setattr(autoattack, part, shorter)
    eps, robust = middle_budget(norm)
    cell = settings(name=name, norm=norm, eps=eps, stop_when_fooled=stop, **ENOUGH.get(name, {}))
    (found,) = evaluate(Linear(), linear_images(), [cell], 0, 0.5)
    assert found.count_correct() == {"examples": 12, "clean_correct": 12, "robust_correct": robust}


TOLERANCE: dict[str, tuple[float, dict[str, Any]]] = {
    "fab": (1e-3, {}),
    "fab_t": (1e-3, {}),
    "deepfool": (0.04, {}),
    "carlini_wagner": (0.02, {"steps": 200, "binary_search_steps": 6, "step_size": 0.002}),
    "ead": (0.048, {"steps": 200, "decision_rule": "L1"}),
    "rays": (0.05, {"steps": 40}),
    "ddn": (0.005, {"steps": 200}),
    "fmn": (0.005, {"steps": 200}),
    "pdpgd": (0.1, {"steps": 700}),
}
"""How much larger than the smallest perturbation what an attack finds may be, and with which settings."""
MINIMAL = [
    (name, norm)
    for name, attack in list_attacks().items()
    if not attack.bounded
    for norm in attack.norms()
    if norm in EPS
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "norm"), MINIMAL)
def test_without_a_budget_the_smallest_perturbation_is_found(name: str, norm: str) -> None:
    model, images = Linear(), linear_images()
    tolerance, extra = TOLERANCE[name]
    (found,) = evaluate(model, images, [settings(name=name, norm=norm, **extra)], 0, 0.5)
    assert found.count_correct()["robust_correct"] == 0
    sizes = torch.tensor(found.table[norm].to_numpy())
    exact = model.distances(convert_to_float(images.pixels), norm)
    assert (sizes >= exact * (1 - 1e-5)).all(), "smaller than possible"
    assert (sizes <= exact * (1 + tolerance) + 2e-3).all(), (sizes / exact).tolist()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*ATTACKS} - SLOW - GENERATED))
def test_an_image_gets_the_same_whatever_the_batch(name: str) -> None:
    model = network()
    images = network_images(model, 13)
    norm = ATTACKS.load(name).model_fields["norm"].default
    eps = EPS.get(norm) if ATTACKS.load(name).bounded else None
    cell = settings(name=name, norm=norm, eps=eps, **QUICK_SETTINGS.get(name, {}))
    whole, parts = (
        evaluate(model, images, [cell.model_copy(update={"batch_size": size})], 0, 0.5)[0].table for size in (13, 4)
    )
    for column in ("robust", "adversarial_prediction", "l0"):
        assert whole[column].equals(parts[column]), column
    for column in ("linf", "l2", "adversarial_confidence"):
        together, apart = (torch.tensor(table[column].to_pylist()) for table in (whole, parts))
        torch.testing.assert_close(together, apart, rtol=1e-4, atol=1e-5)


PASSES = [
    ("fgsm", {"eps": 1e-4}),
    ("ifgsm", {"eps": 1e-4, "steps": 7}),
    ("pgd", {"eps": 1e-4, "steps": 5, "restarts": 3}),
    ("uniform", {"eps": 1e-4, "draws": 12}),
    ("apgd_ce", {"eps": 1e-4, "steps": 10, "restarts": 2}),
    ("apgd_t", {"eps": 1e-4, "steps": 10, "targets": 3}),
    ("square", {"eps": 1e-4, "steps": 20}),
    ("mifgsm", {"eps": 1e-4, "steps": 7}),
    ("sparse_l1", {"eps": 1e-4, "steps": 7}),
    ("fab", {"steps": 10}),
    ("fab_t", {"steps": 8, "targets": 3}),
    ("carlini_wagner", {"steps": 10, "binary_search_steps": 3}),
    ("ead", {"steps": 10, "binary_search_steps": 3, "initial_const": 1.0}),
    ("rays", {"steps": 20}),
    ("ddn", {"steps": 12}),
    ("fmn", {"steps": 12}),
    ("pdpgd", {"steps": 12}),
    ("sigma_zero", {"steps": 12}),
    ("deepfool", {}),
    ("jsma", {}),
    ("jsma", {"targeted": True, "gamma": 1.0}),
]


LONG = {"carlini_wagner", "ead", "rays", "fab_t", "apgd_t"}
"""Attacks that take a good part of a second, each tried in a room of its own too."""


@pytest.mark.parametrize(
    ("name", "raw"),
    [pytest.param(name, raw, marks=[pytest.mark.slow] if name in LONG else []) for name, raw in PASSES],
    ids=lambda value: str(value)[:20],
)
def test_an_attack_asks_what_its_class_says(name: str, raw: dict[str, Any]) -> None:
    """No gradients where it follows none, one where it takes one step, and about as much as is estimated."""
    assert {each for each, _ in PASSES} == {*ATTACKS} - GENERATED - SLOW
    model = network()
    images = network_images(model, 6)
    method = settings(name=name, **raw).method
    job, asked = count_passes(job_of(model, images, (method.reported_steps,)))
    load_attack(method)(job, method)
    assert (asked["backward"] > 0) is (method.access == "gradient")
    assert (asked["backward"] == len(images)) is method.is_single_step()
    passes = (asked["forward"] + 2 * asked["backward"]) / len(images)
    assert passes / 3 <= method.expected_passes <= 3 * passes + 3
