"""Which trials a paper's number or claim is about: a mapping from columns or settings to the values they must have."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.errors import Problem, list_choices
from tasks.kinds import SECTION_KINDS
from tasks.schema import TRIALS
from tasks.settings import parse_number
from tasks.trial.row import Row

SECTIONS = ("seed", "dataset", "model", "inference", *SECTION_KINDS)

ANY = "*"
ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip


@dataclass(frozen=True)
class Bounds:
    """Limits that a number must keep, all of them."""

    limits: tuple[tuple[str, float], ...]
    """Sign and number each; a sign is one of `ORDERS`."""

    def hold(self, value: Any) -> bool:
        """Whether a value is a number within the limits."""
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and all(ORDERS[sign](value, limit) for sign, limit in self.limits)

    def __str__(self) -> str:
        return " and ".join(f"{sign} {limit:g}" for sign, limit in self.limits)


class Matcher:
    """The finished rows of a sweep, their configurations read once."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = [(row, json.loads(row["config"])) for row in rows if row["status"] == "finished"]

    def matching(self, match: Mapping[str, Any]) -> list[Row]:
        """The rows that have every value of `match`.

        A key is a column of the trials table, or a dotted path into the trial's configuration; null matches null,
        `*` whatever is not null, a list what any of its values matches, and `Bounds` the numbers within them.
        """
        wanted = match.items()
        return [
            row for row, config in self._rows if all(_is_equal(_get_value(row, config, key), v) for key, v in wanted)
        ]


def find_match_problems(match: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """Keys that no row can have."""
    known = [*TRIALS.names, *SECTIONS]
    for key in match:
        if key.split(".")[0] not in known:
            yield Problem(f"{path}.{key}", match[key], f"neither a column nor a setting; {list_choices(known, key)}")


def find_values(rows: Sequence[Row], path: str) -> set[Any]:
    """The values that rows have at a path, each once; sections and lists as texts."""
    found = (_get_value(row, {} if path in row else json.loads(row["config"]), path) for row in rows)
    return {json.dumps(value) if isinstance(value, (dict, list)) else value for value in found}


def _get_value(row: Row, config: dict[str, Any], path: str) -> Any:
    """The value at a path: a column where there is one of that name, else a setting."""
    if path in row:
        return row[path]
    node: Any = config
    for name in path.split("."):
        node = node.get(name) if isinstance(node, dict) else None
    return node


def _is_equal(value: Any, wanted: Any) -> bool:
    if wanted == ANY:
        return value is not None
    if isinstance(wanted, Bounds):
        return wanted.hold(value)
    if isinstance(wanted, list):
        return any(_is_equal(value, one) for one in wanted)
    if value is None or wanted is None or isinstance(value, (str, bool)):
        return bool(value == wanted)
    try:
        return abs(float(value) - float(str(parse_number(wanted)))) < 1e-9
    except (TypeError, ValueError):
        return False
