"""What is wrong with settings, in the words of the file: pydantic's report becomes ours."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tasks.errors import Problem, limit_problems, list_choices
from tasks.part_names import ByName
from tasks.settings import FLATTENED, Settings


def describe_problems(error: ValidationError, root: type[Settings], prefix: str) -> list[Problem]:
    """Turn pydantic's report into ours: the path in the file, the value, what is allowed, the nearest name."""
    return limit_problems(_describe_problem(detail, root, prefix) for detail in error.errors())


def _describe_problem(detail: ErrorDetails, root: type[Settings], prefix: str) -> Problem:
    path, owners = _walk(root, detail["loc"])
    where = ".".join([prefix, *path]) if prefix else ".".join(path)
    value, kind = detail["input"], detail["type"]
    if kind == "extra_forbidden":
        known = {name for owner in owners for name in _list_written_names(owner)}
        return Problem(where, value, f"unknown setting; {list_choices(known, path[-1])}")
    if kind == "missing":
        return Problem(where, None, "is missing")
    if kind == "unknown_name":
        return Problem(f"{where}.name", value.get("name"), str(detail["ctx"]["text"]))
    if kind == "budget":
        return Problem(f"{detail['ctx']['path'] or where}.eps", detail["ctx"]["eps"], detail["msg"])
    if kind == "literal_error":
        return Problem(where, value, list_choices(_list_literals(detail), value))
    return Problem(where, value, detail["msg"].removeprefix("Value error, ").replace("Input should", "should"))


def _list_literals(detail: ErrorDetails) -> list[str]:
    expected = str(detail.get("ctx", {}).get("expected", ""))
    return [part.strip("'") for part in expected.replace(" or ", ", ").split(", ")]


def _walk(root: type[Settings], loc: tuple[int | str, ...]) -> tuple[list[str], list[type[Settings]]]:
    """Follow pydantic's location through the classes, leaving union tags and flattened fields out of the path.

    Returns the path in the file and the classes whose fields may be written at its last step.
    """
    path: list[str] = []
    owners: list[type[Settings]] = [root]
    tags: dict[str | None, type[Settings]] = {}
    for part in loc:
        step = str(part)
        if isinstance(part, int):
            path.append(step)
            continue
        if step in tags:
            owners = [*(owner for owner in owners if FLATTENED in owner.model_fields), tags[step]]
            tags = {}
            continue
        field = next((found for owner in owners if (found := _find_field(owner, step))), None)
        tags = _list_members(field) if field else {}
        if step == FLATTENED and field:
            continue
        path.append(step)
        if field:
            owners = [tags[None]] if None in tags else []
    return path, owners


def _find_field(owner: type[Settings], step: str) -> Any:
    return next((f for name, f in owner.model_fields.items() if step in (name, f.alias)), None)


def _list_members(field: Any) -> dict[str | None, type[Settings]]:
    """The settings classes that a field may hold, by their union tag; a plain class stands under None."""
    return _collect_classes((field.annotation, *field.metadata))


def _collect_classes(parts: tuple[Any, ...]) -> dict[str | None, type[Settings]]:
    found: dict[str | None, type[Settings]] = {}
    for part in parts:
        if isinstance(part, ByName):
            return dict(part.list_classes().items())
        if isinstance(part, type) and issubclass(part, Settings):
            found[None] = part
        found |= _collect_classes(get_args(part))
    return found


def _list_written_names(cls: type[Settings]) -> list[str]:
    return [field.alias or name for name, field in cls.model_fields.items() if name != FLATTENED]
