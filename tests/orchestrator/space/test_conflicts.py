"""Settings of sections that do not fit each other."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.space.space import build
from tasks.errors import ProblemsError
from tests.conftest import CONFIG

TRAIN: dict[str, Any] = CONFIG["train"]  # type: ignore[assignment]
BEST = {**TRAIN, "keep": "best_accuracy"}
HELD, ALL = ({"name": "digits", "image_size": 16, "split": {"test": 0.1, "validation": share}} for share in (0.2, 0))
NEEDS = "needs dataset.split.validation above 0"
TRAINED = {"ratio": 0.5, "importance": "hydra", "training": BEST}
SMOOTHING = {"name": "randomized_smoothing", "eps": 0.25, "sigma": 0.25, "samples": 100, "examples": 20}
NOISE = {"transformations": [{"name": "noise", "sigma": 0.1}], "answer": "vote"}
BITS = {"transformations": [{"name": "bit_depth", "bits": 4}]}


def find_problems(**sections: Any) -> list[str]:
    """What is said of a space that has these sections instead of its own."""
    try:
        build("test", "test", {**CONFIG, **sections})
    except ProblemsError as error:
        return [*map(str, error.problems)]
    return []


@pytest.mark.parametrize(
    ("sections", "problems"),
    [
        ({"dataset": HELD, "train": BEST}, []),
        ({"dataset": {"grid_search": [HELD, ALL]}, "train": BEST}, ["train.keep"]),
        ({"dataset": ALL, "train": {"grid_search": [TRAIN, BEST]}}, ["train.keep"]),
        ({"dataset": ALL, "finetune": BEST}, ["finetune.keep"]),
        ({"dataset": ALL, "prune": TRAINED}, ["prune.training.keep"]),
        ({"dataset": ALL}, []),
    ],
)
def test_what_needs_a_validation_part_needs_it_in_every_variant_of_the_data(
    sections: dict[str, Any], problems: list[str]
) -> None:
    expected = [f"{path} = 'best_accuracy': {NEEDS}" for path in problems]
    assert find_problems(**sections) == expected


def test_a_certificate_that_fits_no_variant_of_what_stands_before_the_model_is_named_once() -> None:
    certificates = {"grid_search": [SMOOTHING, {**SMOOTHING, "samples": 200}, {"name": "fgsm", "eps": "8/255"}]}
    assert find_problems(attack=certificates) == []
    (problem,) = find_problems(attack=certificates, inference=BITS)
    assert problem.startswith("attack.name = 'randomized_smoothing': certifies the vote of a model under noise alone")
    assert find_problems(inference=BITS) == []


def test_a_budget_beyond_what_the_samples_can_certify_is_refused_where_some_cell_has_it() -> None:
    """The fourth look, at 300 samples, has a twentieth of alpha: p is 0.00005^(1/300), and 0.25 Phi^-1(p) 0.4614."""
    grid = {**SMOOTHING, "eps": {"grid_search": [0, 0.25, 0.5]}, "samples": {"grid_search": [300, 1000]}}
    grid["sampling"] = "anytime"
    advice = "where all of them agree: take a smaller eps, more samples or a larger sigma"
    assert find_problems(attack=grid) == [
        f"attack.eps = 0.5: sigma 0.25 and 300 samples certify a radius of 0.4614 at most, {advice}"
    ]
    few = {**SMOOTHING, "eps": 0, "samples": 5}
    too_few = "are too few to certify anything at alpha 0.001, even where all of them agree"
    assert find_problems(attack=few) == [f"attack.samples = 5: {too_few}"]
    behind = {"transformations": [{"name": "noise", "sigma": {"grid_search": [0.25, 0.5]}}], "answer": "vote"}
    assert len(find_problems(attack={**grid, "sigma": None}, inference=behind)) == 1
    halved = {**SMOOTHING, "eps": 0.9, "samples": 300, "eps_space": "normalized"}
    assert find_problems(attack=halved, model={"name": "resnet8", "std": 0.5}) == []


def test_a_certificate_behind_what_it_is_not_of_is_left_out_where_another_point_of_the_grid_fits() -> None:
    """Attacks stand behind all three, bounds of the model before it alone, smoothing also behind its own noise."""
    bounds = {"name": "interval_bounds", "eps": {"grid_search": ["2/255", "4/255"]}, "examples": 20}
    attacks = {"grid_search": [bounds, {**SMOOTHING, "eps": 0.1, "sigma": 0.1}, {"name": "fgsm", "eps": "8/255"}]}
    behind = {"grid_search": [None, BITS, NOISE]}
    space = build("test", "test", {**CONFIG, "attack": attacks, "inference": behind})
    found = [
        (trial.attack.method.name, trial.inference.transformations[0].name if trial.inference else None)
        for trial in space.trials
    ]
    assert sorted(found, key=str) == [
        ("fgsm", "bit_depth"), ("fgsm", "noise"), ("fgsm", None), ("interval_bounds", None), ("interval_bounds", None),
        ("randomized_smoothing", "noise"), ("randomized_smoothing", None),
    ]  # fmt: skip
    assert space.left_out == 5
    assert build("test", "test", {**CONFIG, "inference": behind}).left_out == 0


def test_a_budget_that_no_image_needs_is_named_once_with_its_place() -> None:
    tuned: dict[str, Any] = {**CONFIG["adversarial_finetune"]}  # type: ignore[dict-item]
    tuned["attack"] = {"name": "fgsm", "eps": 2}
    seeds, ratios = {"grid_search": [0, 1]}, {"ratio": {"grid_search": [0.1, 0.5]}}
    assert find_problems(seed=seeds, prune=ratios, adversarial_finetune=tuned) == [
        "adversarial_finetune.attack.eps = 2.0: no image of [0, 1] needs a budget above 1 in linf; did you mean 2/255?"
    ]


def test_what_cannot_follow_a_network_that_takes_lambda_is_named() -> None:
    (problem,) = find_problems(condition={"lambda": 0.3})
    assert problem.startswith("condition: no section trains a network that takes lambda")


def test_a_lambda_outside_of_those_of_training_is_named_once() -> None:
    attack = {"name": "fgsm", "eps": 0.1}
    oat = {"name": "oat", "attack": attack, "lambdas": [0.2, 0.5], "reference": {"grid_search": [0.2, 0.5]}}
    sections: dict[str, Any] = {"train": {**TRAIN, "objective": oat}}
    sections |= {"prune": None, "finetune": None, "adversarial_finetune": None}
    assert find_problems(**sections, condition={"lambda": {"grid_search": [0.2, 0.3, 0.5]}}) == []
    assert find_problems(**sections, condition={"lambda": {"grid_search": [0.1, 0.3, 0.9]}}) == [
        "condition.lambda = 0.1: is outside of the lambdas of train, 0.2 to 0.5",
        "condition.lambda = 0.9: is outside of the lambdas of train, 0.2 to 0.5",
    ]
