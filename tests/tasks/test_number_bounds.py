"""Every number of the settings fits the column that it becomes, and what does not fit is refused when it is read."""

from __future__ import annotations

from typing import Any, get_args, get_origin

import pyarrow as pa
import pytest
from pydantic import BeforeValidator, TypeAdapter, ValidationError

from orchestrator.space.resources import Resources
from orchestrator.space.space import SECTIONS
from tasks.attacks.registry import ATTACKS
from tasks.schema import TRIALS
from tasks.settings import LARGEST_COUNT, SMALLEST_COUNT, Count, Number, Settings, parse_count, parse_number
from tasks.training.basic import OPTIMIZERS
from tasks.training.schedules import SCHEDULES
from tasks.trial.trial import Trial


def list_classes(base: type[Settings] = Settings) -> list[type[Settings]]:
    found = [sub for cls in base.__subclasses__() for sub in list_classes(cls)]
    return ([] if base is Settings else [base]) + found


def holds(kind: Any, parse: Any) -> bool:
    """Whether a number that `parse` reads stands somewhere in a type."""
    if isinstance(kind, BeforeValidator):
        return kind.func is parse
    return any(holds(part, parse) for part in get_args(kind))


def list_fields(parse: Any) -> list[Any]:
    """Class and name of every field that is read by `parse`."""
    assert {*SECTIONS, Trial, Resources}, "the modules are imported"
    for registry in (ATTACKS, OPTIMIZERS, SCHEDULES):
        for name in registry:
            registry.load(name)
    return [
        pytest.param(cls, name, id=f"{cls.__name__}.{name}")
        for cls in sorted(set(list_classes()), key=str)
        if cls.__module__.startswith(("tasks.", "orchestrator."))
        for name, field in cls.model_fields.items()
        if any(holds(part, parse) for part in (field.annotation, *field.metadata))
    ]


def is_refused(cls: type[Settings], name: str, value: object) -> bool:
    """Whether the class refuses this value of this field, whatever else it misses."""
    field = cls.model_fields[name]
    written = [value] if get_origin(field.annotation) is tuple else value
    with pytest.raises(ValidationError) as caught:
        cls.model_validate({field.alias or name: written, "no such field": 0})
    return any((field.alias or name) == error["loc"][0] for error in caught.value.errors(include_input=False))


COUNTS, NUMBERS = list_fields(parse_count), list_fields(parse_number)


def test_the_fields_are_found() -> None:
    assert len(COUNTS) > 30
    assert len(NUMBERS) > 40


TOO_LARGE = {"2^63": LARGEST_COUNT + 1, "-2^63-1": SMALLEST_COUNT - 1, "1e300": 1e300, "30 nines": "9" * 30}
IN_NO_FLOAT = {"1e400": 10**400, "1e999": "1e999", "inf": float("inf"), "nan": "nan", "400 nines": f"{'9' * 400}/7"}


@pytest.mark.parametrize(("cls", "name"), COUNTS)
def test_a_whole_number_that_no_column_holds_is_refused(cls: type[Settings], name: str) -> None:
    assert [text for text, value in TOO_LARGE.items() if not is_refused(cls, name, value)] == []


@pytest.mark.parametrize(("cls", "name"), [*NUMBERS, *COUNTS])
def test_a_number_that_no_float_holds_is_refused(cls: type[Settings], name: str) -> None:
    assert [text for text, value in IN_NO_FLOAT.items() if not is_refused(cls, name, value)] == []
    assert not all(is_refused(cls, name, value) for value in (0, 0.25, 0.5, 1, 2, 10)), "others are not"


@pytest.mark.parametrize("value", [LARGEST_COUNT, SMALLEST_COUNT, float(2**62), "-3e3"])
def test_every_whole_number_that_is_read_fits_a_column(value: object) -> None:
    read = TypeAdapter(Count).validate_python(value)
    assert pa.array([read], pa.int64()).to_pylist() == [read]
    integers = [field.name for field in TRIALS if pa.types.is_integer(field.type)]
    assert len(integers) > 8
    assert pa.Table.from_pylist([dict.fromkeys(integers, read)], schema=TRIALS)["seed"].to_pylist() == [read]


@pytest.mark.parametrize("value", [LARGEST_COUNT, 1.5e308, "-1.5e308", "1/3", 5e-324])
def test_every_number_that_is_read_fits_a_column(value: object) -> None:
    read = TypeAdapter(Number).validate_python(value)
    assert pa.array([read], pa.float64()).to_pylist() == [read]
