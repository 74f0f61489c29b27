"""`--where COLUMN=VALUE`, or with an order in place of `=`: which trials are meant."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import PydanticCustomError

from orchestrator.results.tradeoff import HEADINGS
from orchestrator.space.matching import Bounds, Matcher, find_match_problems, find_values
from orchestrator.text import make_sort_key
from tasks.errors import UsageError
from tasks.settings import parse_number
from tasks.trial.row import Row
from tasks.yaml_files import parse_yaml

FORM = re.compile(r"\s*([^\s=<>]+)\s*(<=|>=|=|<|>)(.*)", re.DOTALL)
ALIASES = {heading: column for column, heading in HEADINGS.items()} | {"lambda_": "lambda"}
"""Columns as the table heads them, and as one must be called in SQL, where `lambda` is a keyword."""
MOST_VALUES = 12
"""Values of a column that a message lists."""


def parse_where(texts: Sequence[str]) -> dict[str, Any]:
    """The selection of `COLUMN=VALUE` texts; a column that stands in several of them may have any of their values.

    A column is one of the trials table, or a dotted path into the trial's configuration; `null` stands for nothing,
    `*` for anything, and a fraction is a number. With `>`, `>=`, `<` or `<=` a column keeps all of its limits.

    :raises UsageError: a text is not of this form, its value is not plain data or no number where one is needed, a
        column has both values and limits, or no trial can have such a column.
    """
    found: dict[str, Any] = {}
    for text in texts:
        shown = f"--where {text if len(text) < 200 else text[:200] + '...'}"
        parts = FORM.fullmatch(text)
        if not parts:
            raise UsageError(
                f"{shown}: write it as COLUMN=VALUE, such as attack=fgsm or attack_eps=8/255, or with > >= < <="
            )
        name, sign, value = (part.strip() for part in parts.groups())
        name = ALIASES.get(name, name)
        asked = _parse_values(name, value, shown) if sign == "=" else Bounds(((sign, _parse_limit(value, shown)),))
        found[name] = _combine(found[name], asked, shown) if name in found else asked
    for problem in find_match_problems(found, "--where"):
        raise UsageError(f"--where {problem.path.removeprefix('--where.')}: {problem.message}")
    return {name: asked[0] if isinstance(asked, list) and len(asked) == 1 else asked for name, asked in found.items()}


def _parse_values(name: str, value: str, shown: str) -> list[Any]:
    parsed = value if value == "*" else parse_yaml(value, shown)
    if isinstance(parsed, dict):
        raise UsageError(f"{shown}: a section is no value; write the path of a setting, such as {name}.name")
    return parsed if isinstance(parsed, list) else [parsed]


def _parse_limit(value: str, shown: str) -> float:
    try:
        return float(str(parse_number(value)))
    except PydanticCustomError as error:
        raise UsageError(f"{shown}: {value!r} {error.message()}") from None


def _combine(before: list[Any] | Bounds, more: list[Any] | Bounds, shown: str) -> list[Any] | Bounds:
    if isinstance(before, Bounds) and isinstance(more, Bounds):
        return Bounds((*before.limits, *more.limits))
    if isinstance(before, Bounds) or isinstance(more, Bounds):
        raise UsageError(f"{shown}: a column has either values or limits")
    return [*before, *more]


def select_rows(rows: Sequence[Row], where: Mapping[str, Any], option: str = "--where") -> list[Row]:
    """The finished rows that have every value; a list stands for any of its values.

    :param option: what the message begins with.
    :raises UsageError: there are finished rows, and none is left; the message names what the columns hold. Or budgets
        of several norms would be held against one limit.
    """
    matcher = Matcher(rows)
    _refuse_several_units(matcher, where, option)
    found, known = matcher.matching(where), matcher.matching({})
    if found or not known:
        return found
    for name, wanted in where.items():
        if not matcher.matching({name: wanted}):
            values = sorted(find_values(known, name), key=make_sort_key)
            shown = ", ".join("null" if value is None else str(value) for value in values[:MOST_VALUES])
            more = f" and {len(values) - MOST_VALUES} more" if len(values) > MOST_VALUES else ""
            raise UsageError(f"{option} {name}{_format_wanted(wanted)}: no trial has it; there are {shown}{more}")
    together = " ".join(f"{name}{_format_wanted(wanted)}" for name, wanted in where.items())
    raise UsageError(f"{option} {together}: no trial has all of this together")


def _refuse_several_units(matcher: Matcher, where: Mapping[str, Any], option: str) -> None:
    limit = where.get("attack_eps")
    if not isinstance(limit, Bounds):
        return
    others = {name: wanted for name, wanted in where.items() if name != "attack_eps"}
    norms = {row["attack_norm"] for row in matcher.matching(others) if row["attack_eps"] is not None}
    if len(norms) > 1:
        hint = f"budgets of {', '.join(sorted(norms))} are in units of their own; add {option} attack_norm=NORM"
        raise UsageError(f"{option} attack_eps {limit}: {hint}")


def _format_wanted(wanted: Any) -> str:
    if isinstance(wanted, Bounds):
        return f" {wanted}"
    values = [_format_value(value) for value in wanted] if isinstance(wanted, list) else None
    return f"=[{', '.join(values)}]" if values is not None else f"={_format_value(wanted)}"


def _format_value(value: Any) -> str:
    return "null" if value is None else str(value)
