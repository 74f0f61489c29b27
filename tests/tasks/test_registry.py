"""Registries: parts are found by name, loaded when used, added and removed while a program runs."""

from __future__ import annotations

import contextlib
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import ValidationError

from tasks.errors import UsageError
from tasks.part_names import ByName, NameOf
from tasks.registry import JoinedRegistry, Registry, load_object, watch_additions
from tasks.settings import Number, Settings, keyed
from tasks.settings_problems import describe_problems


class Sphere(Settings):
    name: Literal["sphere"] = keyed("sphere")
    radius: Number = keyed(gt=0)


class Box(Settings):
    name: Literal["box"] = keyed("box")
    width: Number = keyed(gt=0)


SHAPES: Registry[type[Settings]] = Registry("shape", {"sphere": Sphere}, extensible=False)


class Drawing(Settings):
    shape: Annotated[Settings, ByName(SHAPES)] = keyed()
    again: Annotated[str, NameOf(SHAPES)] = keyed("sphere")


def problems(content: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Drawing.model_validate(content)
    return [str(problem) for problem in describe_problems(caught.value, Drawing, "drawing")]


def test_a_reference_is_imported_when_its_part_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "part_of_the_test.py").write_text("PART = ('loaded',)\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry: Registry[tuple[str]] = Registry("part", {"lazy": "part_of_the_test:PART"})
    assert "lazy" in registry
    assert list(registry) == ["lazy"]
    assert "part_of_the_test" not in sys.modules
    assert registry.load("lazy") == ("loaded",)
    monkeypatch.delitem(sys.modules, "part_of_the_test")


def test_an_object_stands_for_itself() -> None:
    assert load_object(OrderedDict) is OrderedDict
    assert load_object("collections:OrderedDict") is OrderedDict


def test_an_unknown_name_lists_the_known_ones_and_the_nearest() -> None:
    registry = Registry("shape", {"sphere": 1, "box": 2}, extensible=False)
    with pytest.raises(UsageError, match=r"'spere': unknown shape; choose from box, sphere; did you mean 'sphere'\?"):
        registry.load("spere")
    with pytest.raises(UsageError, match="unknown shape"):
        registry.remove("spere")


def test_a_taken_name_is_refused_and_what_had_it_stays() -> None:
    registry = Registry("shape", {"sphere": 1})
    with pytest.raises(UsageError, match="a shape named 'sphere' already"):
        registry.add("sphere", 2)
    assert registry.load("sphere") == 1
    registry.remove("sphere")
    registry.add("sphere", 2)
    assert registry.load("sphere") == 2
    assert len(registry) == 1


def test_settings_know_what_is_registered_when_they_are_validated() -> None:
    box = {"shape": {"name": "box", "width": "1/2"}, "again": "box"}
    choices = "choose from sphere"
    assert problems(box) == [
        f"drawing.shape.name = 'box': unknown shape; {choices}",
        f"drawing.again = 'box': unknown shape; {choices}",
    ]
    SHAPES.add("box", Box)
    try:
        found = Drawing.model_validate(box)
        assert found.shape == Box(width=0.5)
        assert Drawing.model_validate({"shape": Box(width=0.5)}).shape == Box(width=0.5)
        assert problems({"shape": {"name": "box", "width": 0}}) == ["drawing.shape.width = 0: should be greater than 0"]
        assert problems({"shape": {"name": "box", "wdth": 1}})[1:] == [
            "drawing.shape.wdth = 1: unknown setting; choose from name, width; did you mean 'width'?"
        ]
    finally:
        SHAPES.remove("box")
    assert len(problems(box)) == 2


@pytest.mark.parametrize("value", [5, None, ["sphere"], "sphere"])
def test_a_part_with_settings_is_a_mapping(value: Any) -> None:
    (problem,) = problems({"shape": value})
    assert problem.endswith("should be a mapping with a `name`")


def test_joined_registries_are_one_where_parts_are_named_and_two_where_they_enter() -> None:
    fruits, nuts = (
        Registry[int](kind, {name: 1}, extensible=False) for kind, name in (("fruit", "apple"), ("nut", "almond"))
    )
    both = JoinedRegistry("fruit or nut", fruits, nuts)
    assert ([*both], len(both), both.load("almond"), "walnut" in both) == (["apple", "almond"], 2, 1, False)
    before = both.revision
    nuts.add("walnut", 3, origin="garden")
    assert both.revision > before
    assert both.load("walnut") == 3
    assert (both.find_origin("walnut"), both.find_origin("apple"), both.find_origin("stone")) == ("garden", None, None)
    assert [each.kind for each in both.list_registries()] == ["fruit", "nut"]
    with pytest.raises(UsageError, match="unknown fruit or nut; choose from almond, apple, walnut"):
        both.load("stone")


def test_where_plugins_can_bring_one_an_unknown_name_says_how() -> None:
    closed, extensible = Registry("shape", {"box": 1}, extensible=False), Registry("fruit", {"apple": 1})
    hint = "(one of your own needs --plugin)"
    assert hint not in closed.describe_unknown("stone")
    assert f"unknown fruit {hint}; choose from apple" in extensible.describe_unknown("stone")
    assert hint in JoinedRegistry("shape or fruit", closed, extensible).describe_unknown("stone")
    assert hint not in JoinedRegistry("shape or shape", closed, closed).describe_unknown("stone")


def test_additions_are_told_while_somebody_watches() -> None:
    registry: Registry[Any] = Registry("shape", {})
    outer, inner = list[str](), list[str]()
    with watch_additions(lambda added: outer.append(added[1])):
        registry.add("first", 1, origin="here")
        with contextlib.suppress(ValueError), watch_additions(lambda added: inner.append(added[1])):
            registry.add("second", 2, origin="here")
            raise ValueError("broken off")
        registry.add("third", 3, origin="here")
    registry.add("fourth", 4, origin="here")
    assert (outer, inner) == (["first", "second", "third"], ["second"])
