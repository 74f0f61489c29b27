"""What is wrong with settings, in the words of the file: pydantic's report becomes ours."""

from __future__ import annotations

from typing import Any, NamedTuple, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tasks.errors import NULL, Problem, limit_problems, list_choices
from tasks.part_names import ByName
from tasks.settings import FLATTENED, Settings, walk_annotation
from tasks.settings_rules import RULE
from tasks.settings_words import describe_allowed, list_written_names

FITTING = ("value_error", "finite_number", "greater_than", "greater_than_equal", "less_than", "less_than_equal")
"""Of pydantic's errors those whose words fit ours, once `Input` is gone from them."""


def describe_problems(error: ValidationError, root: type[Settings], prefix: str) -> list[Problem]:
    """Turn pydantic's report into ours: the path in the file, the value, what is allowed, the nearest name."""
    found: dict[str, Problem] = {}
    details = (detail for detail in error.errors() if not _follows_from_others(detail))
    for problem in limit_problems(_describe_problem(detail, root, prefix) for detail in details):
        found.setdefault(str(problem), problem)
    return list(found.values())


def _follows_from_others(detail: ErrorDetails) -> bool:
    """Whether a list is too short only since pydantic does not count its wrong entries, which are errors themselves."""
    given, least = detail["input"], detail.get("ctx", {}).get("min_length", 0)
    return detail["type"] == "too_short" and isinstance(given, (list, tuple)) and len(given) >= least


class _Place(NamedTuple):
    """Where an error stands."""

    path: list[str]
    """In the file."""
    owners: list[type[Settings]]
    """The classes whose fields may be written there."""
    allowed: tuple[Any, list[Any]]
    """The annotation of what may stand there, and the notes beside it."""
    is_form: bool
    """Whether the error is about one of several forms that the value may have."""


def _describe_problem(detail: ErrorDetails, root: type[Settings], prefix: str) -> Problem:
    place = _walk(root, detail["loc"])
    where = ".".join([prefix, *place.path]) if prefix else ".".join(place.path)
    value: Any = NULL if detail["input"] is None else detail["input"]
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in ("extra_forbidden", "invalid_key"):
        idle = {name for owner in place.owners for name in owner.idle_beside}
        known = {name for owner in place.owners for name in list_written_names(owner)} - idle
        shown = value if kind == "extra_forbidden" else None
        return Problem(where, shown, f"unknown setting; {list_choices(known, place.path[-1])}")
    if kind == "missing":
        own = value.get("name") if isinstance(value, dict) else None
        return Problem(where, None, "is missing", {"name": own} if isinstance(own, str) else {})
    if kind == "unnamed":
        return Problem(where, value, str(context["text"]))
    if kind == "unknown_name":
        return Problem(f"{where}.name", value.get("name"), str(context["text"]))
    if kind == "budget":
        return Problem(f"{context['path'] or where}.eps", context["eps"], detail["msg"])
    if kind == RULE:
        return _describe_rule(where, value, context)
    if kind == "literal_error" and not place.is_form:
        return Problem(where, value, list_choices(_list_literals(detail), value))
    if detail["loc"][-1:] == ("[key]",):
        return Problem(where, None, "should be a text, as every name of a mapping")
    is_ours = "url" not in detail and kind != "path_type"  # an error of pydantic's own has an address that explains it
    if place.is_form or not (is_ours or kind in FITTING):
        annotation, notes = place.allowed
        return Problem(where, value, f"should be {describe_allowed(annotation, notes)}")
    message = detail["msg"].removeprefix("Value error, ").replace("Input should", "should")
    is_whole_section = isinstance(value, dict) and bool(place.owners)
    return Problem(where, None if is_whole_section else value, message)


def _describe_rule(where: str, section: object, context: dict[str, Any]) -> Problem:
    """The first of the fields that a rule is about is the place; the others stand beside it with their values."""
    fields = {path: _find_value(section, path) for path in context["fields"]}
    first, *others = [path for path, value in fields.items() if value is not None] or [*fields, ""]
    shown = {path: None if isinstance(value, dict) else value for path, value in fields.items()}
    place = ".".join(part for part in (where, first) if part)
    return Problem(place, shown.get(first), str(context["text"]), {path: shown[path] for path in others if path})


def _find_value(section: object, path: str) -> object:
    """What stands at a path of a section as it was given; null where nothing does."""
    for step in path.split("."):
        if isinstance(section, dict) and step not in section and FLATTENED in section:
            section = section[FLATTENED]
        section = section.get(step) if isinstance(section, dict) else getattr(section, step, None)
    return section


def _list_literals(detail: ErrorDetails) -> list[str]:
    expected = str(detail.get("ctx", {}).get("expected", ""))
    return [part.strip("'") for part in expected.replace(" or ", ", ").split(", ")]


def _walk(root: type[Settings], loc: tuple[int | str, ...]) -> _Place:
    """Follow pydantic's location through the classes, leaving union tags and flattened fields out of the path."""
    path: list[str] = []
    owners: list[type[Settings]] = [root]
    tags: dict[str | None, type[Settings]] = {}
    allowed: tuple[Any, list[Any]] = (root, [])
    is_form = False
    for part in loc:
        step = str(part)
        if isinstance(part, int):
            path.append(step)
            allowed, is_form = _find_item(*allowed), False
            continue
        if step in tags:
            owners = [*(owner for owner in owners if FLATTENED in owner.model_fields), tags[step]]
            tags, allowed = {}, (owners[-1], [])
            continue
        field = next((found for owner in owners if (found := _find_field(owner, step))), None)
        if field is None and not owners:  # pydantic's name for one of several forms, or for a key of a mapping
            is_form = True
            continue
        allowed = (field.annotation, field.metadata) if field else (Any, [])
        tags = _list_members(field) if field else {}
        if step == FLATTENED and field:
            continue
        path.append(step)
        if field:
            owners = [tags[None]] if None in tags else []
    return _Place(path, owners, allowed, is_form)


def _find_item(annotation: Any, notes: list[Any]) -> tuple[Any, list[Any]]:
    """What may stand in a list that is, or is among, what may stand somewhere."""
    parts = walk_annotation((annotation, *notes))
    listed = next((part for part in parts if get_origin(part) is tuple), None)
    named = [part for part in notes if isinstance(part, ByName)]
    return (Any, [ByName(named[0].registry)]) if named else (get_args(listed)[0], []) if listed else (Any, [])


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
