"""The reference of settings: complete, true, and what stands in docs/settings.md."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any, Literal

import pytest

from orchestrator.space.settings_reference import (
    find_registries,
    format_reference,
    list_classes,
    list_settings,
    read_docstrings,
)
from orchestrator.space.space import SECTIONS
from tasks.attacks.gradient.settings import PgdSettings
from tasks.pruning.settings import PruneSettings
from tasks.settings import FLATTENED, Count, Number, Settings, keyed, unkeyed
from tests.support.checkout import ROOT


def test_the_page_is_what_the_command_prints() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == format_reference(), "advsweep show > docs/settings.md"


def test_every_section_and_every_part_has_its_class() -> None:
    classes = list_classes()
    assert list(classes)[: len(SECTIONS)] == list(SECTIONS)
    for registry in find_registries().values():
        for name in registry:
            part = registry.load(name)
            if isinstance(part, type) and issubclass(part, Settings):
                assert part in classes.values(), name


@pytest.mark.parametrize("cls", list_classes().values(), ids=lambda cls: cls.__name__)
def test_every_field_is_there_with_its_default(cls: type[Settings]) -> None:
    settings = {setting.name: setting for setting in list_settings(cls)}
    for name, field in cls.model_fields.items():
        setting = settings["(written here)" if name == FLATTENED else field.alias or name]
        assert (setting.default == "required") == field.is_required()
        if isinstance(field.default, (int, float)) and not isinstance(field.default, bool):
            assert float(setting.default) == field.default
        if isinstance(field.default, Settings):
            assert getattr(field.default, "name", "") in setting.default


def test_a_setting_says_what_may_stand_there() -> None:
    ratio, scope, importance, mode, _, within = list_settings(PruneSettings)
    assert (ratio.name, ratio.kind, ratio.default) == ("ratio", "number or fraction, at least 0, below 1", "required")
    assert "rounded to whole filters" in ratio.meaning
    assert (scope.default, importance.kind) == ("all", "name of an importance")
    assert mode.kind == "`mask`, `once`, `remove`"
    assert (within.kind, within.default) == ("text", "layer")
    steps = next(setting for setting in list_settings(PgdSettings) if setting.name == "steps")
    assert (steps.kind, steps.default) == ("whole number, at least 1, at most 10000", "10")


class Inner(Settings):
    """Settings inside of others."""

    name: Literal["inner", "other"] = keyed("inner")
    """Its own name."""


class Nameless(Settings):
    """The same without a name."""

    depth: int = keyed(1)


class Base(Settings):
    """What a sample has in common with others."""

    share: Number = keyed(1.0, gt=0, lt=1)
    """Of the
       whole."""
    seed: int | None = unkeyed(None)
    """As the base has it."""


class Sample(Base):
    """A setting of each type."""

    count: Count = keyed(ge=2, le=9)
    """How many."""
    whole: int = keyed(3, ge=1)
    text: str = keyed("plain", min_length=2)
    """Words."""
    flag: bool = unkeyed(True)
    number: float = keyed(0.25, le=0.5)
    file: Path | None = unkeyed(None)
    several: tuple[int, ...] = keyed(())
    table: dict[str, Any] | None = keyed(None)
    inner: Inner = keyed(Inner())
    nameless: Nameless = keyed(Nameless())
    kind: Literal["a", "b"] = keyed("b", alias="type")
    seed: int | None = unkeyed(None)
    """As the sample has it."""


WRITTEN = r"^\s*[-+]?[0-9.]+(e[-+]?[0-9]+)?\s*(/\s*[0-9.]+\s*)?$"
FRACTION = {"anyOf": [{"type": "number"}, {"type": "string", "pattern": WRITTEN}]}


def test_every_type_has_its_words_its_default_and_its_schema() -> None:
    found = {setting.name: setting for setting in list_settings(Sample)}
    assert {name: (each.kind, each.default, each.schema) for name, each in found.items()} == {
        "share": ("number or fraction, above 0, below 1", "1.0", FRACTION),
        "seed": ("whole number or null", "null", {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        "count": ("whole number, at least 2, at most 9", "required",
                  {"type": "integer", "minimum": 2, "maximum": 9}),
        "whole": ("whole number, at least 1", "3", {"type": "integer", "minimum": 1}),
        "text": ("text, of a length of at least 2", "plain", {"type": "string", "minLength": 2}),
        "flag": ("true or false", "true", {"type": "boolean"}),
        "number": ("number, at most 0.5", "0.25", {"type": "number", "maximum": 0.5}),
        "file": ("path or null", "null", {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        "several": ("list of whole number", "[]", {"type": "array", "items": {"type": "integer"}}),
        "table": ("mapping or null", "null", {"anyOf": [{"type": "object"}, {"type": "null"}]}),
        "inner": ("[Inner](#inner)", "{name: inner}", {"$ref": "#/$defs/Inner"}),
        "nameless": ("[Nameless](#nameless)", "{}", {"$ref": "#/$defs/Nameless"}),
        "type": ("`a`, `b`", "b", {"enum": ["a", "b"]}),
    }  # fmt: skip
    assert {name for name, each in found.items() if not each.keyed} == {"seed", "flag", "file"}
    assert {name: each.meaning for name, each in found.items() if each.meaning} == {
        "share": "Of the whole.", "seed": "As the sample has it.", "count": "How many.", "text": "Words."
    }  # fmt: skip


def test_a_class_without_a_file_has_no_meanings() -> None:
    """What is read of those that it builds on stays."""
    text = textwrap.dedent("""
        class Made(Base):
            '''Made from a text.'''

            seed: int = keyed(1)
            '''Lost.'''
    """)
    names: dict[str, Any] = {"Base": Base, "keyed": keyed, "__name__": "made_from_a_text"}
    exec(text, names)
    assert read_docstrings(names["Made"]) == {"share": "Of the whole.", "seed": "As the base has it."}
