"""Settings of a launch that change a space: `--set path.to.setting=value`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from orchestrator.space.grid import Gap, find_gap, set_value
from tasks.errors import UsageError
from tasks.yaml_files import parse_yaml

PATH = re.compile(r"[A-Za-z_]\w{0,99}(\.\w{1,100}){0,19}", re.ASCII)
"""Of a setting."""
LONGEST = 200
"""Characters of an override that messages show."""


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


def name_source(source: str, problems: Sequence[str], overrides: Sequence[str]) -> str:
    """What is to be looked at: the file, the overrides, or both.

    :param problems: each with the paths that it is about.
    """
    if not overrides:
        return source
    forms = {text: _match_path(text.partition("=")[0].strip()) for text in overrides}
    about = {text: [form.search(problem) for problem in problems] for text, form in forms.items()}
    guilty = [text for text, found in about.items() if any(found)] or overrides
    named = " ".join(map(_show, guilty))
    return named if all(map(any, zip(*about.values(), strict=True))) else f"{source} with {named}"


def _match_path(path: str) -> re.Pattern[str]:
    """The path, or one below it, where a problem is about it; not where a message names it as a choice."""
    return re.compile(rf"(?:^|beside |, ){re.escape(path)}(?:\.\w+)*(?: = |: | beside )")


def _show(text: str) -> str:
    return f"--set {text if len(text) < LONGEST else text[:LONGEST] + '...'}"


def _describe_gap(gap: Gap) -> str:
    section, numbered = ".".join(gap.section), ".".join(gap.numbered)
    return (
        f"only {gap.having} of {gap.total} values of the grid have {section}; "
        f"name one by its number from 0, such as {numbered}=..., or set {section} as a whole"
    )
