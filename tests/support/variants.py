"""Settings beside those of a case: each field changed by itself, so that none can be passed over."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError

from tasks.settings import Settings, walk_annotation

LESS = 0.7
"""Times a number that is no count."""


def list_variants(
    cls: type[Settings], section: Mapping[str, Any], fixed: Collection[str] = ()
) -> Iterator[tuple[str, dict[str, Any]]]:
    """A label and a section for the section itself, and for each plain field with another value that is allowed.

    :param fixed: fields that stay.
    """
    yield "as it is", dict(section)
    settings = cls.model_validate(section)
    for field, info in cls.model_fields.items():
        name = info.alias or field
        if name in fixed or name == "name":
            continue
        for value in _list_others(info.annotation, getattr(settings, field)):
            changed = {**section, name: value}
            try:
                cls.model_validate(changed)
            except ValidationError:
                continue
            yield f"{name} {value}", changed


def _list_others(annotation: Any, value: Any) -> list[Any]:
    """Other values than the one that a field has; none where it is no number, choice or switch."""
    kinds = list(walk_annotation((annotation,)))
    choices = [choice for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)]
    if choices:
        return [choice for choice in choices if choice != value]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1]
    if isinstance(value, float):
        return [round(LESS * value, 6) if value else LESS]
    return [0.03] if value is None and float in kinds else []
