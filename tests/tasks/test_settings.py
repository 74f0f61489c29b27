"""Settings: every field is classified, and what is computed from them is theirs."""

from __future__ import annotations

import json
import pickle
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError, create_model

from orchestrator.space.resources import Resources
from tasks.attacks.registry import ATTACKS
from tasks.data.settings import DatasetSettings, SplitSettings
from tasks.evaluation.settings import AttackSettings
from tasks.keys import format_canonical_json
from tasks.settings import Settings, keyed
from tasks.training.basic import OPTIMIZERS
from tasks.training.objectives.registry import OBJECTIVES
from tasks.training.schedules import SCHEDULES
from tasks.trial.trial import Trial
from tests.conftest import CONFIG


def settings_classes(base: type[Settings] = Settings) -> list[type[Settings]]:
    """The project's own: which of the tests' classes are there depends on which tests are run."""
    found = [sub for cls in base.__subclasses__() for sub in settings_classes(cls)]
    return ([] if base is Settings or base.__module__.startswith("tests.") else [base]) + found


REGISTERED = [registry.load(name) for registry in (ATTACKS, OBJECTIVES, OPTIMIZERS, SCHEDULES) for name in registry]
"""Classes that may be imported for their names alone."""


@pytest.mark.parametrize("cls", settings_classes(), ids=lambda cls: cls.__name__)
def test_every_field_is_classified(cls: type[Settings]) -> None:
    for name, field in cls.model_fields.items():
        extra = field.json_schema_extra
        assert isinstance(extra, dict), f"{cls.__name__}.{name}: declare it with keyed() or unkeyed()"
        assert isinstance(extra.get("keyed"), bool)


FIELDS = [(cls, name) for cls in settings_classes() for name in cls.model_fields]


@pytest.mark.parametrize(("cls", "name"), FIELDS, ids=lambda value: getattr(value, "__name__", value))
def test_a_field_is_in_the_key_if_and_only_if_it_is_keyed(cls: type[Settings], name: str) -> None:
    """Every class is walked, so that none can leave out of its keys what it declares to be in them."""
    extra = cls.model_fields[name].json_schema_extra
    assert isinstance(extra, dict)
    plain: dict[str, Any] = {field: {"is": field} for field in cls.model_fields}
    values: list[Any] = [{"is": "one"}, {"is": "other"}]
    if issubclass(cls, AttackSettings):  # what its method is says what else is in the key
        methods = [AttackSettings.model_validate({"name": "fgsm", "eps": eps}).method for eps in (0.1, 0.2)]
        plain["method"], values = methods[0], methods if name == "method" else values
    one, other = (cls.model_construct(**plain | {name: value}) for value in values)
    assert (one.canonical() != other.canonical()) == extra["keyed"]
    assert one.document() != other.document()


def test_resources_are_in_no_key() -> None:
    assert Resources(cpus=4, gpus=1).canonical() == {}


def test_canonical_settings_are_plain_json() -> None:
    trial = Trial.model_validate(CONFIG)
    assert json.loads(json.dumps(trial.canonical())) == trial.canonical()
    assert isinstance(trial.attack, AttackSettings)
    assert isinstance(trial.dataset, DatasetSettings)


def test_a_changed_copy_keeps_nothing_of_the_original() -> None:
    before = AttackSettings.model_validate(CONFIG["attack"])
    kept = (hash(before), before.canonical_text, before.shared_text)
    after = before.model_copy(update={"examples": 7})
    assert (hash(after), after.canonical_text, after.shared_text) != kept
    assert after.canonical_text == format_canonical_json(after.canonical())
    again = pickle.loads(pickle.dumps(before))
    assert vars(again).keys() == AttackSettings.model_fields.keys()
    assert (again, hash(again), again.canonical_text) == (before, hash(before), before.canonical_text)


@pytest.mark.parametrize("text", ["", "  "])
def test_a_blank_folder_is_not_the_working_directory(text: str) -> None:
    with pytest.raises(ValidationError, match=r"root\n  is empty"):
        DatasetSettings(name="image_folder", root=text)
    assert DatasetSettings(name="image_folder", root=Path("~")).root == Path.home()


class Choice(Enum):
    """Of two."""

    ONE, OTHER = "one", "other"


class Foreign(BaseModel):
    """Of pydantic, and no settings."""


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        (int, None),
        (tuple[int, ...] | None, None),
        (SplitSettings, None),
        (list[int], "no list can be in a key: make it tuple[...] or a class of Settings"),
        (tuple[dict[str, int], ...], "no dict can be in a key: make it tuple[...] or a class of Settings"),
        (bytes | None, "no bytes can be in a key: make it tuple[...] or a class of Settings"),
        (Choice, "no Choice can be in a key: make it Literal[...]"),
        (Foreign, "Foreign is to be a class of Settings"),
    ],
)
def test_what_can_be_in_no_key_is_named(kind: Any, problem: str | None) -> None:
    cls = create_model("Made", __base__=Settings, first=(int, keyed(0)), part=(kind, keyed()))
    found = cls.find_declaration_problem()
    assert found == (problem and f"Made.part: {problem}")


def test_a_field_that_is_neither_keyed_nor_unkeyed_is_named_however_deep() -> None:
    inner = create_model("Inner", __base__=Settings, width=(int, 3))
    outer = create_model("Outer", __base__=Settings, part=(inner | None, keyed(None)))
    said = "Inner.width: declare it with keyed(...) where it changes the outcome, else unkeyed(...)"
    assert inner.find_declaration_problem() == said
    assert outer.find_declaration_problem() == f"Outer.part: {said}"
