"""`--where COLUMN=VALUE`: which trials are meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.space.matching import Matcher, find_match_problems, find_values
from orchestrator.text import make_sort_key
from tasks.errors import UsageError
from tasks.trial.row import Row
from tasks.yaml_files import parse_yaml

MOST_VALUES = 12
"""Values of a column that a message lists."""


def parse_where(texts: Sequence[str]) -> dict[str, Any]:
    """The selection of `COLUMN=VALUE` texts; a column that stands in several of them may have any of their values.

    A column is one of the trials table, or a dotted path into the trial's configuration; `null` stands for nothing,
    `*` for anything, and a fraction is a number.

    :raises UsageError: a text has no `=`, its value is not plain data, or no trial can have such a column.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not name:
            raise UsageError(f"--where {text}: write it as COLUMN=VALUE, such as attack=fgsm or attack_eps=8/255")
        parsed = value if value == "*" else parse_yaml(value, f"--where {text}")
        if isinstance(parsed, dict):
            raise UsageError(f"--where {text}: a section is no value; write the path of a setting, such as {name}.name")
        values = parsed if isinstance(parsed, list) else [parsed]
        found[name] = [*found[name], *values] if name in found else values
    for problem in find_match_problems(found, "--where"):
        raise UsageError(f"--where {problem.path.removeprefix('--where.')}: {problem.message}")
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def select_rows(rows: Sequence[Row], where: Mapping[str, Any], option: str = "--where") -> list[Row]:
    """The finished rows that have every value; a list stands for any of its values.

    :param option: what the message begins with.
    :raises UsageError: there are finished rows, and none is left; the message names what the columns hold.
    """
    matcher = Matcher(rows)
    found, known = matcher.matching(where), matcher.matching({})
    if found or not known:
        return found
    for name, wanted in where.items():
        if not matcher.matching({name: wanted}):
            values = sorted(find_values(known, name), key=make_sort_key)
            shown = ", ".join("null" if value is None else str(value) for value in values[:MOST_VALUES])
            more = f" and {len(values) - MOST_VALUES} more" if len(values) > MOST_VALUES else ""
            raise UsageError(f"{option} {name}={_format_wanted(wanted)}: no trial has it; there are {shown}{more}")
    together = " ".join(f"{name}={_format_wanted(wanted)}" for name, wanted in where.items())
    raise UsageError(f"{option} {together}: no trial has all of this together")


def _format_wanted(wanted: Any) -> str:
    if isinstance(wanted, list):
        return "[" + ", ".join(map(_format_wanted, wanted)) + "]"
    return "null" if wanted is None else str(wanted)
