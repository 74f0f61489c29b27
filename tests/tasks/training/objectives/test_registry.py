"""Objectives by name: the same work has the same key, wherever it is written, and one section names one objective."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from tasks.settings_problems import describe_problems
from tasks.training.objectives.registry import OBJECTIVES
from tasks.training.settings import AdversarialFinetuneSettings, FinetuneSettings, TrainSettings
from tests.support.training import FGSM, TRAIN

SURROGATE = {"model": {"name": "resnet8"}, "train": TRAIN}
STATIC = {"share": 0.3, "attack": FGSM, "surrogates": [SURROGATE]}
MIXED = {"lambda": 0.3, "attack": FGSM}


def canonical(settings: type[TrainSettings], **fields: Any) -> str:
    section = settings.model_validate({**TRAIN, **fields}).simplify()
    assert section
    again = settings.model_validate(section.document()).simplify()
    assert again == section, "what is written down is read back"
    return section.canonical_text


TUNE = AdversarialFinetuneSettings


@pytest.mark.parametrize(
    ("settings", "named", "flat"),
    [
        (TrainSettings, {"name": "standard"}, {}),
        (TrainSettings, {"name": "adversarial", "lambda": 0}, {}),
        (FinetuneSettings, {"name": "adversarial", "lambda": 0.3, "attack": {"name": "fgsm", "eps": 0}}, {}),
        (TrainSettings, {"name": "ensemble", **STATIC}, {"ensemble": STATIC}),
        (TUNE, {"name": "standard"}, {"lambda": 0}),
        (TUNE, {"name": "adversarial", **MIXED}, MIXED),
        (TUNE, {"name": "adversarial", **MIXED, "fixed_examples": 9}, {**MIXED, "fixed_examples": 9}),
        (TUNE, {"name": "ensemble", **STATIC}, {"lambda": 0, "ensemble": STATIC}),
        (
            TUNE,
            {"name": "ensemble", **STATIC, "inner": {"name": "adversarial", **MIXED}},
            {**MIXED, "ensemble": STATIC},
        ),
    ],
)
def test_a_named_objective_is_the_one_that_is_written_without_a_name(
    settings: type[TrainSettings], named: dict[str, Any], flat: dict[str, Any]
) -> None:
    assert canonical(settings, objective=named) == canonical(settings, **flat)


@pytest.mark.parametrize(
    ("settings", "objective", "label", "share", "passes"),
    [
        (TrainSettings, {"name": "adversarial", **MIXED}, "adversarial", 0.3, 9.0),
        (TUNE, {"name": "adversarial", **MIXED, "lambda": 1}, "adversarial", 1.0, 6.0),
        (TUNE, {"name": "standard"}, "standard", 0.0, 3.0),
        (TrainSettings, {"name": "standard"}, "standard", None, 3.0),
        (TrainSettings, {"name": "ensemble", **STATIC}, "ensemble", None, 3.0 + 0.3 * 3.0),
        (
            TrainSettings,
            {"name": "ensemble", **STATIC, "inner": {"name": "adversarial", **MIXED}},
            "ensemble",
            0.3,
            9.9,
        ),
    ],
)
def test_what_others_know_of_an_objective(
    settings: type[TrainSettings], objective: dict[str, Any], label: str, share: float | None, passes: float
) -> None:
    section = settings.model_validate({**TRAIN, "objective": objective}).simplify()
    assert section
    found = section.chosen_objective
    assert (found.label, found.adversarial_share) == (label, share)
    assert found.expected_passes == pytest.approx(passes)
    assert len(section.surrogates) == (label == "ensemble")


def test_what_was_written_before_objectives_had_names_has_no_trace_of_them_in_its_key() -> None:
    for settings, fields in ((TrainSettings, {}), (TrainSettings, {"ensemble": STATIC}), (TUNE, MIXED)):
        assert "objective" not in json.loads(canonical(settings, **fields))
    named = json.loads(canonical(TrainSettings, objective={"name": "adversarial", **MIXED}))
    assert named["objective"]["lambda"] == 0.3


@pytest.mark.parametrize(
    ("settings", "fields", "message"),
    [
        (
            TrainSettings,
            {"objective": {"name": "standard"}, "ensemble": STATIC},
            "train.ensemble: `objective` and `ensemble`",
        ),
        (
            TUNE,
            {"objective": {"name": "standard"}, **MIXED},
            "train.lambda: `objective` and `lambda`, `attack`: write one",
        ),
        (
            TUNE,
            {"objective": {"name": "standard"}, "fixed_examples": 3},
            "train.fixed_examples: `objective` and `fixed_examples`",
        ),
        (TUNE, {}, "train.lambda: is missing"),
        (TUNE, {"objective": None}, "train.lambda: is missing"),
        (
            TrainSettings,
            {"objective": {"name": "standrad"}},
            "train.objective.name: unknown objective (one of your own needs --plugin); choose from adv",
        ),
        (TrainSettings, {"objective": {"name": "standard", "lamda": 1}}, "train.objective.lamda: unknown setting"),
        (
            TrainSettings,
            {"objective": {"name": "ensemble", **STATIC, "inner": {"name": "adversarial", "lambda": 2}}},
            "train.objective.inner.lambda: should be less than or equal to 1",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(settings: type[TrainSettings], fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings.model_validate({**TRAIN, **fields})
    (problem,) = describe_problems(caught.value, settings, "train")
    assert f"{problem.path}: {problem.message}".startswith(message)


def test_every_objective_says_where_it_is_built() -> None:
    for name in OBJECTIVES:
        settings = OBJECTIVES.load(name)
        assert settings.model_fields["name"].default == name
        assert f".{name}.objective:" in settings.build
