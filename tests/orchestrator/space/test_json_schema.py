"""The JSON Schema of spaces: the shipped ones fit, and mistakes do not."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from orchestrator.space.json_schema import build_schema
from orchestrator.space.space import list_shipped
from orchestrator.space.template import TEMPLATE
from tests.support.checkout import ROOT

FITS = {
    "dataset": {"name": "digits"},
    "model": {"name": "resnet8"},
    "prune": {"ratio": {"grid_search": [0, 0.5]}},
    "attack": {"name": "pgd", "eps": "8/255", "steps": {"grid_search": [1, 5]}, "examples": 100},
}


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    return Draft202012Validator(build_schema())


@pytest.mark.slow
def test_it_is_a_json_schema() -> None:
    Draft202012Validator.check_schema(build_schema())


def test_the_file_that_editors_read_is_up_to_date() -> None:
    shipped = json.loads((ROOT / "search_spaces" / "space.schema.json").read_text())
    assert shipped == build_schema(), "advsweep schema > search_spaces/space.schema.json"


@pytest.mark.parametrize("name", list_shipped())
def test_shipped_spaces_fit_and_name_it(name: str, validator: Draft202012Validator) -> None:
    text = list_shipped()[name].read_text()
    assert text.splitlines()[0] == "# yaml-language-server: $schema=space.schema.json"
    assert [error.message for error in validator.iter_errors(yaml.safe_load(text))] == []


@pytest.mark.parametrize(
    "content",
    [
        FITS,
        yaml.safe_load(TEMPLATE),
        {**FITS, "attack": {"grid_search": [FITS["attack"]]}},
        {**FITS, "model": {"name": "torchvision:resnet18"}},
    ],
)
def test_what_is_right_fits(content: dict[str, Any], validator: Draft202012Validator) -> None:
    assert [error.message for error in validator.iter_errors(content)] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"model": None, "modell": {"name": "resnet8"}},
        {"model": {"name": "resnet7"}},
        {"model": {"name": "resnet8", "stemm": "cifar"}},
        {"prune": {"ratio": "much"}},
        {"prune": {"scope": "all"}},
        {"prune": {"ratio": {"grid_serch": [0]}}},
        {"train": {"epochs": 1.5, "optimizer": {"name": "sgd"}}},
        {"train": {"epochs": 1, "optimizer": {"name": "sgd", "lr": 0.1, "speed": 2}}},
        {"attack": {"eps": 0.1}},
    ],
)
def test_a_mistake_does_not(changes: dict[str, Any], validator: Draft202012Validator) -> None:
    assert list(validator.iter_errors({**FITS, **changes}))
