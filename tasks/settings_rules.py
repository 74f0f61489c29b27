"""Rules over several settings: what does not go together, and what cannot matter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NoReturn

from pydantic_core import PydanticCustomError

from tasks.errors import Problem
from tasks.settings import FLATTENED, Settings

RULE = "rule"
"""Type of the errors of `refuse`."""


def refuse(text: str, *fields: str) -> NoReturn:
    """Refuse settings that are right by themselves and do not go together.

    :param text: what is wrong, and what to write instead.
    :param fields: paths in the file, from the section of the class on, of the settings that the rule is about; the one
        that is to be changed stands first. Only those that are written are shown, with their values.
    :raises PydanticCustomError: always.
    """
    raise PydanticCustomError(RULE, "{text}", {"text": text, "fields": list(fields)})


def find_idle(variants: Sequence[Settings], place: str) -> Iterator[Problem]:
    """What is written and matters in no variant of a section; where it matters in one, the others leave it out.

    :param variants: the section for each value of its grids, as it is written.
    :param place: the name of the section.
    """
    idle: dict[str, Problem] = {}
    heard: set[str] = set()
    for variant in variants:
        for path, value, reason in _list_written(variant, place):
            if reason is None:
                heard.add(path)
            elif path not in idle:
                shown = getattr(value, "name", None) if isinstance(value, Settings) else value
                idle[path] = Problem(path, shown, f"cannot matter here: {reason}")
    yield from (problem for path, problem in idle.items() if path not in heard)


def _list_written(settings: Settings, place: str) -> Iterator[tuple[str, object, str | None]]:
    """Every field that is not at its default, however deep: its path, its value, and why it cannot matter, if so."""
    reasons = settings.list_idle()
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if value is None or value == field.default:
            continue
        path = place if name == FLATTENED else f"{place}.{field.alias or name}"
        yield path, value, reasons.get(name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, Settings):
                yield from _list_written(part, path)
