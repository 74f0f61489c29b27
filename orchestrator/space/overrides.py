"""Settings of a launch that change a space: `--set path.to.setting=value`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from orchestrator.space.grid import Gap, find_gap, set_value
from tasks.errors import Problem, UsageError
from tasks.yaml_files import parse_yaml

PATH = re.compile(r"[A-Za-z_]\w{0,99}(\.\w{1,100}){0,19}", re.ASCII)
"""Of a setting."""
LONGEST = 200
"""Characters of an override that messages show."""


def apply_overrides(content: dict[str, Any], overrides: Sequence[str]) -> None:
    """Set the values in their order.

    :raises UsageError: one is not `path=value`, its path leads nowhere, or a later one takes back what it sets.
    """
    for place, text in enumerate(overrides):
        apply_override(content, text)
        for earlier in overrides[:place]:
            _refuse_contradiction(earlier, text)


def apply_override(content: dict[str, Any], text: str) -> None:
    """Set one value.

    :raises UsageError: the text is not `path=value`, or its path leads nowhere.
    """
    path, found, value = text.partition("=")
    shown = _show(text)
    if not found or not PATH.fullmatch(path.strip()):
        raise UsageError(f"{shown}: write it as path.to.setting=value, such as prune.ratio=0.3")
    steps = path.strip().split(".")
    if gap := find_gap(content, steps):
        raise UsageError(f"{shown}: {_describe_gap(gap)}")
    if not set_value(content, steps, parse_yaml(value, shown)):
        raise UsageError(f"{shown}: there is nothing at {path.strip()}; items of lists and of grids count from 0")


def _refuse_contradiction(earlier: str, later: str) -> None:
    """The later of two values would win in silence, and so would that of a section over what was set in it."""
    (inner, _, replaced), (path, _, value) = (map(str.strip, text.partition("=")) for text in (earlier, later))
    if inner == path:
        if parse_yaml(replaced, _show(earlier)) != parse_yaml(value, _show(later)):
            raise UsageError(f"{_show(earlier)} and {_show(later)}: choose one value for {path}")
        return
    everywhere = ".".join(step for step in inner.split(".") if not step.isdigit())
    if any(f"{reached}.".startswith(f"{path}.") for reached in (inner, everywhere)):
        raise UsageError(f"{_show(earlier)} and {_show(later)}: the second takes back the first; set {path} first")


def name_source(source: str, problems: Sequence[Problem], overrides: Sequence[str]) -> str:
    """What is to be looked at: the file, the overrides, or both."""
    if not overrides:
        return source
    about = {text: [_concerns(text, problem) for problem in problems] for text in overrides}
    guilty = [text for text, found in about.items() if any(found)] or overrides
    named = " ".join(map(_show, guilty))
    return named if all(map(any, zip(*about.values(), strict=True))) else f"{source} with {named}"


def _concerns(override: str, problem: Problem) -> bool:
    """Whether a problem is about what an override sets, or about something in it."""
    path = override.partition("=")[0].strip()
    return any(f"{concerned}.".startswith(f"{path}.") for concerned in (problem.path, *problem.beside))


def _show(text: str) -> str:
    return f"--set {text if len(text) < LONGEST else text[:LONGEST] + '...'}"


def _describe_gap(gap: Gap) -> str:
    section, numbered = ".".join(gap.section), ".".join(gap.numbered)
    return (
        f"only {gap.having} of {gap.total} values of the grid have {section}; "
        f"name one by its number from 0, such as {numbered}=..., or set {section} as a whole"
    )
