"""What is said about settings that are wrong: the field, the value and what may stand there, in the words of a file."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.space.figures import FigureRequest
from orchestrator.space.paper import Claim, ReportedNumber
from orchestrator.space.resources import Resources
from orchestrator.space.settings_reference import list_classes
from tasks.errors import Problem
from tasks.evaluation.settings import AttackSettings
from tasks.models.settings import ModelSettings
from tasks.settings import FLATTENED, Settings
from tasks.settings_problems import describe_problems
from tasks.training.settings import TrainSettings
from tasks.training.sparsity.settings import TrainedPruneSettings
from tasks.transformations.settings import InferenceSettings

NAN = float("nan")
WRONG: list[Any] = [3, -2.5, "word", True, None, NAN, [], [1], ["a"], [{}], [[1]], {}, {"a": 1}, {1: 2}]
"""Values of every kind that YAML has."""
FOREIGN = re.compile(
    r"Input|Tuple|Dict|String should|Keys should|Value error|instance of|after validation|function-|<class|Settings|"
    r"valid (dict|tuple|bool|str|path|list|int|number|enum)|unable to|None|True|False"
)
"""Words of pydantic and of Python."""
SGD = {"name": "sgd"}


def find_problems(cls: type[Settings], content: Any) -> list[Problem]:
    try:
        cls.model_validate(content)
    except ValidationError as error:
        return describe_problems(error, cls, "place")
    return []


@pytest.mark.parametrize(
    "cls", [*list_classes().values(), FigureRequest, ReportedNumber, Claim, Resources], ids=lambda cls: cls.__name__
)
def test_whatever_stands_in_a_wrong_place_is_named_in_the_words_of_a_file(cls: type[Settings]) -> None:
    names = [field.alias or name for name, field in cls.model_fields.items() if name != FLATTENED]
    whole = [find_problems(cls, value) for value in WRONG if not isinstance(value, dict)]
    assert all(whole), "no section is anything but a mapping"
    fields = [find_problems(cls, {name: value}) for name in names for value in WRONG]
    nested = [problem for found in fields for problem in found if problem.path != "place"]
    assert len(nested) >= len(names), "every field refuses something"
    for problem in (problem for found in [*whole, *fields] for problem in found):
        assert not FOREIGN.search(str(problem)), problem
        assert re.fullmatch(r"place(\.\w+)*", problem.path), problem
        assert problem.message.strip(), problem


@pytest.mark.parametrize(
    ("cls", "content", "said"),
    [
        (
            TrainSettings,
            {"epochs": 1, "optimizer": SGD, "objective": {"name": "standard", "awp": True}},
            "place.objective.awp = true: should be a mapping of settings (gamma), or null",
        ),
        (
            InferenceSettings,
            [{"name": "jpeg"}],
            "place = [{name: 'jpeg'}]: should be a mapping of settings (answer, eot_samples, samples, transformations)",
        ),
        (
            InferenceSettings,
            {"transformations": {"name": "jpeg"}},
            "place.transformations = {name: 'jpeg'}: "
            "should be a list of mappings with the `name` of a transformation, at least one",
        ),
        (
            AttackSettings,
            {"name": "pgd", "eps": None},
            "place.eps = null: is not a number; write one such as 0.03 or a fraction such as 8/255",
        ),
        (
            AttackSettings,
            {"name": "pgd", "eps": {"grid_serch": [0.1]}},
            "place.eps = {grid_serch: [0.1]}: is a mapping, not a number; a grid is written {grid_search: [...]}",
        ),
        (
            TrainSettings,
            {"epochs": 1, "optimizer": SGD | {"lr": 0.1}, "objective": {"name": "trades"}},
            "place.objective.attack beside name = 'trades': is missing",
        ),
        (
            InferenceSettings,
            {"transformations": [{"nmae": "jpeg", "quality": 50}]},
            "place.transformations.0 = {nmae: 'jpeg', quality: 50}: has no `name`; "
            "choose from bit_depth, crop_rescale, jpeg, noise, quilting, total_variation",
        ),
        (
            AttackSettings,
            {"name": "pgd", "eps": 0.1, "adaptive": "maybe"},
            "place.adaptive = 'maybe': should be true or false",
        ),
        (AttackSettings, "pgd", "place = 'pgd': should be a mapping with the `name` of an attack or certificate"),
        (
            ModelSettings,
            {"name": "resnet8", "mean": "grey"},
            "place.mean = 'grey': should be a number, a list of numbers, or null",
        ),
        (
            TrainedPruneSettings,
            {"ratio": 0.4, "unit": "weights", "mode": "remove"},
            "place.mode = 'remove' beside unit = 'weights': "
            "mode: remove takes whole filters: choose mode: mask or once with unit: weights",
        ),
        (
            TrainedPruneSettings,
            {"ratio": 0.4, "training": {"epochs": 0, "optimizer": SGD}},
            "place.training.epochs = 0: training.epochs: 0 trains nothing: give 1 or more, or leave `training` out",
        ),
        (
            AttackSettings,
            {"name": "interval_bounds", "eps": 0.1, "surrogate": {"model": {"name": "resnet8"}}},
            "place.surrogate beside name = 'interval_bounds': "
            "a certificate is of the model itself: leave `surrogate` out",
        ),
        (
            AttackSettings,
            {"name": "interval_bounds", "eps": 0.1, "steps": 3},
            "place.steps = 3: unknown setting; choose from batch_size, eps, eps_space, examples, name, norm, "
            "only_correct; did you mean 'eps'?",
        ),
    ],
)
def test_a_mistake_is_one_sentence_with_the_field_and_the_value(cls: type[Settings], content: Any, said: str) -> None:
    assert [str(problem) for problem in find_problems(cls, content)] == [said]


def test_a_rule_of_a_users_own_class_names_the_section_and_not_all_that_stands_in_it() -> None:
    from pydantic import model_validator

    from tasks.settings import Number, keyed

    class Window(Settings):
        low: Number = keyed()
        high: Number = keyed()

        @model_validator(mode="after")
        def _ascends(self) -> Window:
            if self.low > self.high:
                raise ValueError("low lies above high")
            return self

    assert [str(problem) for problem in find_problems(Window, {"low": 2, "high": 1})] == ["place: low lies above high"]


@pytest.mark.parametrize(
    ("given", "paths"),
    [
        ([], ["transformations"]),
        ([{"name": "noize"}], ["transformations.0.name"]),
        ([{"name": "noise", "sigma": -1}], ["transformations.0.sigma"]),
        (["noise"], ["transformations.0"]),
        (
            [{"name": "noize"}, {"name": "jpeg", "quality": 900}],
            ["transformations.0.name", "transformations.1.quality"],
        ),
    ],
)
def test_a_wrong_entry_of_a_list_is_one_problem_and_an_empty_list_says_what_to_write(
    given: list[Any], paths: list[str]
) -> None:
    found = find_problems(InferenceSettings, {"transformations": given})
    assert [problem.path for problem in found] == [f"place.{path}" for path in paths]
    assert given or "should be a list of mappings with the `name` of a transformation" in str(found[0])
