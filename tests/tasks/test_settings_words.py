"""What may stand in the place of a setting, in words, for one value and for several."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import annotated_types
import pytest
from pydantic import BeforeValidator

from tasks.attacks.registry import ATTACKS
from tasks.evaluation.settings import AttackSettings
from tasks.part_names import ByName, NameOf, OneOrMore
from tasks.settings import Count, Number, Settings, keyed
from tasks.settings_words import add_article, describe_allowed, list_written_names


class Sample(Settings):
    """Two settings, one of them under another name."""

    width: int = keyed(1)
    kind: str = keyed("a", alias="type")


def keep(value: object) -> object:
    return value


@pytest.mark.parametrize(
    ("annotation", "one", "several"),
    [
        (bool, "true or false", "true or false"),
        (str, "a text", "texts"),
        (float, "a number", "numbers"),
        (int, "a whole number", "whole numbers"),
        (Path, "a path", "paths"),
        (Any, "a value", "values"),
        (Number, "a number", "numbers"),
        (Count, "a whole number", "whole numbers"),
        (Annotated[Count, "a note"], "a whole number", "whole numbers"),
        (Optional[int], "a whole number, or null", "whole numbers, or null"),  # noqa: UP045 (the older form of it)
        (None | int, "a whole number, or null", "whole numbers, or null"),
        (Number | float | None, "a number, or null", "numbers, or null"),
        (int | str | None, "a whole number, a text, or null", "whole numbers, texts, or null"),
        (Literal["a"], "a", "a"),
        (Literal["a", "b"], "a, or b", "a, or b"),
        (Literal["a", "b", 3], "a, b, or 3", "a, b, or 3"),
        (tuple[int, ...], "a list of whole numbers", "lists of whole numbers"),
        (
            Annotated[tuple[Number, ...], annotated_types.MinLen(1)],
            "a list of numbers, at least one",
            "lists of numbers, at least one",
        ),
        (tuple[tuple[str, ...], ...], "a list of lists of texts", "lists of lists of texts"),
        (dict, "a mapping", "mappings"),
        (dict[str, int], "a mapping", "mappings"),
        (Sample, "a mapping of settings (type, width)", "mappings of settings (type, width)"),
        (
            Annotated[Sample, BeforeValidator(keep)],
            "a text, or a mapping of settings (type, width)",
            "a text, or mappings of settings (type, width)",
        ),
        (Annotated[str, NameOf(ATTACKS)], "the name of an attack", "names of attacks"),
        (
            Annotated[Settings, ByName(ATTACKS)],
            "a mapping with the `name` of an attack",
            "mappings with the `name` of an attack",
        ),
        (
            Annotated[Settings, OneOrMore(ATTACKS)],
            "a mapping with the `name` of an attack, or a list of such",
            "mappings with the `name` of an attack",
        ),
    ],
)
def test_a_type_has_its_words(annotation: Any, one: str, several: str) -> None:
    assert describe_allowed(annotation) == one
    assert describe_allowed(annotation, several=True) == several


def test_settings_that_are_written_one_level_up_are_what_they_hold() -> None:
    assert describe_allowed(AttackSettings).startswith("a mapping with the `name` of an attack")
    assert "method" not in list_written_names(AttackSettings)
    assert list_written_names(Sample) == ["width", "type"]


def test_an_article_fits_its_word() -> None:
    words = ["attack", "objective", "importance", "model", "unit"]
    assert [add_article(word).split()[0] for word in words] == ["an", "an", "an", "a", "an"]
