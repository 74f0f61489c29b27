"""What may stand in the place of a setting, in words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BeforeValidator

from tasks.part_names import ByName, NameOf, OneOrMore
from tasks.settings import FLATTENED, Settings, parse_count, parse_number

SIMPLE: dict[Any, tuple[str, str]] = {
    bool: ("true or false", "true or false"),
    str: ("a text", "texts"),
    float: ("a number", "numbers"),
    int: ("a whole number", "whole numbers"),
    Path: ("a path", "paths"),
    NoneType: ("null", "null"),
    Any: ("a value", "values"),
}
"""Type -> its word, for one and for several."""


def describe_allowed(annotation: Any, notes: Sequence[Any] = (), *, several: bool = False) -> str:
    """Words such as `a list of numbers, or null`.

    :param annotation: the type of a field of settings.
    :param notes: what is annotated beside it.
    :param several: say it of several such values.
    """
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return describe_allowed(parts[0], [*parts[1:], *notes], several=several)
    for note in notes:
        if isinstance(note, NameOf):
            return f"names of {note.registry.kind}s" if several else f"the name of {add_article(note.registry.kind)}"
        if isinstance(note, ByName):
            return _describe_named(note, several=several)
        if isinstance(note, BeforeValidator) and note.func in (parse_number, parse_count):
            return SIMPLE[float if note.func is parse_number else int][several]
    if origin in (Union, UnionType):
        words = list(dict.fromkeys(describe_allowed(part, several=several) for part in parts))
        return _join([word for word in words if word != "null"] + ["null"] * ("null" in words))
    if origin is Literal:
        return _join([str(part) for part in parts])
    if origin is tuple:
        least = next((note.min_length for note in notes if isinstance(note, annotated_types.MinLen)), 0)
        listed = describe_allowed(parts[0], several=True)
        return f"{'lists' if several else 'a list'} of {listed}{', at least one' if least else ''}"
    if origin is dict or annotation is dict:
        return "mappings" if several else "a mapping"
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        short = any(isinstance(note, BeforeValidator) for note in notes)
        return ("a text, or " if short else "") + _describe_class(annotation, several=several)
    return SIMPLE[annotation][several]


def add_article(word: str) -> str:
    """`an attack`, `a model`."""
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def list_written_names(cls: type[Settings]) -> list[str]:
    """The settings of a class as a file has them, without those that are written one level up."""
    return [field.alias or name for name, field in cls.model_fields.items() if name != FLATTENED]


def _describe_named(note: ByName, *, several: bool) -> str:
    kind = add_article(note.registry.kind)
    if several:
        return f"mappings with the `name` of {kind}"
    return f"a mapping with the `name` of {kind}" + (", or a list of such" if isinstance(note, OneOrMore) else "")


def _describe_class(cls: type[Settings], *, several: bool) -> str:
    if method := cls.model_fields.get(FLATTENED):
        return describe_allowed(method.annotation, method.metadata, several=several)
    return f"{'mappings' if several else 'a mapping'} of settings ({', '.join(sorted(list_written_names(cls)))})"


def _join(words: Sequence[str]) -> str:
    *most, last = words
    return f"{', '.join(most)}, or {last}" if most else last
