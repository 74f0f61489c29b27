"""How long one run of a kind of stage may take: a run that hangs is ended and tried again. Off where not asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tasks.errors import Problem, UsageError, list_choices
from tasks.kinds import KINDS, Kind
from tasks.settings import Number

Timeouts = Mapping[Kind, float]
"""Kind of stage -> seconds."""


def parse_timeouts(raw: Any) -> tuple[dict[Kind, float], list[Problem]]:
    """The `timeouts` section of a space: `{train: 3600, attack: 600}`."""
    if raw is None:
        return {}, []
    if not isinstance(raw, dict):
        return {}, [Problem("timeouts", raw, "is not a mapping from kinds of stages to seconds")]
    table: dict[Kind, float] = {}
    found: list[Problem] = []
    for kind, value in raw.items():
        if kind not in KINDS:
            found.append(Problem(f"timeouts.{kind}", value, f"unknown kind of stage; {list_choices(KINDS, kind)}"))
            continue
        try:
            table[kind] = TypeAdapter(Number).validate_python(value)
        except ValidationError as error:
            found.append(Problem(f"timeouts.{kind}", value, error.errors()[0]["msg"]))
            continue
        if not 0 < table[kind] < float("inf"):
            found.append(Problem(f"timeouts.{kind}", value, "should be more than 0 seconds"))
    return table, found


def with_options(timeouts: Timeouts, options: Sequence[str]) -> dict[Kind, float]:
    """The time-outs of a space, changed by options of the form `KIND=SECONDS`.

    :raises UsageError: an option is not of that form.
    """
    given: dict[str, str] = {}
    for text in options:
        kind, found, seconds = text.partition("=")
        if not found:
            raise UsageError(f"--timeout {text}: write it as KIND=SECONDS, such as train=3600")
        given[kind.strip()] = seconds.strip()
    table, problems = parse_timeouts(given)
    if problems:
        raise UsageError(f"--timeout: {'; '.join(map(str, problems))}")
    return {**timeouts, **table}
