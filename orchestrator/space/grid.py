"""Grids in plain data: any value, or any whole section, may be `{grid_search: [...]}`, and grids nest."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tasks.errors import Problem

GRID = "grid_search"


def is_grid(node: object) -> bool:
    """Whether a node is written as a grid, well or badly."""
    return isinstance(node, dict) and GRID in node


def find_grid_problems(node: object, path: str) -> Iterator[Problem]:
    """Everything that is written as a grid and is none."""
    if isinstance(node, dict):
        if GRID in node:
            if len(node) > 1:
                others = ", ".join(sorted(str(key) for key in node if key != GRID))
                yield Problem(path, None, f"{GRID} stands beside {others}; a grid replaces the whole value")
            if not isinstance(node[GRID], list) or not node[GRID]:
                yield Problem(path, node[GRID], f"{GRID} takes a list of at least one value")
                return
        for key, value in node.items():
            if key != GRID and re.sub("[^a-z]", "", str(key).lower()) == "gridsearch":
                yield Problem(f"{path}.{key}" if path else str(key), None, f"a grid is written {GRID}")
            yield from find_grid_problems(value, path if key == GRID else f"{path}.{key}" if path else str(key))
    elif isinstance(node, list):
        for item in node:
            yield from find_grid_problems(item, path)


def expand_variants(node: Any) -> list[Any]:
    """Every value that a node stands for, in the order of the file, the last grid varying fastest."""
    if is_grid(node):
        return [variant for item in node[GRID] for variant in expand_variants(item)]
    if isinstance(node, dict):
        combinations = itertools.product(*map(expand_variants, node.values()))
        return [dict(zip(node, values, strict=True)) for values in combinations]
    if isinstance(node, list):
        return [list(values) for values in itertools.product(*map(expand_variants, node))]
    return [node]


def count(node: Any) -> int:
    """How many values a node stands for, without making them."""
    if is_grid(node):
        return sum(map(count, node[GRID]))
    total = 1
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        total *= count(child)
    return total


def set_value(node: Any, path: list[str], value: Any) -> bool:
    """Set the value at a path, in every section of a grid of sections on the way; false where nothing was set.

    A number chooses an item of a list, or a value of a grid of whole sections. What is missing up to the last number
    leads nowhere; sections that are missing after it are made.
    """
    name, *rest = path
    make = not _has_number(path)
    if is_grid(node):
        if not _chooses_value(node[GRID], name):
            return sum(set_value(item, path, value) for item in node[GRID]) > 0
        node = node[GRID]
    if isinstance(node, list):
        place: Any = int(name) if name.isdigit() and int(name) < len(node) else None
    else:
        place = name if isinstance(node, dict) and (make or name in node) else None
    if place is None:
        return False
    if not rest:
        node[place] = value
        return True
    if make and not isinstance(node.get(place), dict):
        node[place] = {}
    return set_value(node[place], rest, value)


@dataclass(frozen=True)
class Gap:
    """A section that only some values of a grid have, where a path enters it."""

    section: list[str]
    """Its path."""
    having: int
    total: int
    numbered: list[str]
    """The same path with the number of the first value that has it, where the grid is one of whole sections."""


def find_gap(node: Any, path: list[str]) -> Gap | None:
    """Where a path without a number enters a section that only some of a grid's sections have.

    To set something in it would make the section in the others: an ensemble, say, where there is to be none.
    """
    if _has_number(path):
        return None
    parents, grid, grid_at = [node], list[Any](), 0
    for steps, name in enumerate(path[:-1], start=1):
        grids = [parent[GRID] for parent in parents if is_grid(parent)]
        grid, grid_at = (grids[0], steps - 1) if grids else (grid, grid_at)
        sections = [section for parent in parents for section in _list_sections(parent)]
        having = [section for section in sections if _has_section(section, name)]
        if 0 < len(having) < len(sections):
            first = next(number for number, item in enumerate(grid) if _reaches(item, path[grid_at:steps]))
            numbered = [*path[:grid_at], str(first), *path[grid_at:]]
            return Gap(path[:steps], len(having), len(sections), numbered)
        parents = [section[name] for section in having]
    return None


def _has_section(section: dict[str, Any], name: str) -> bool:
    return isinstance(section.get(name), dict)


def _reaches(node: Any, path: list[str]) -> bool:
    """Whether a path leads to a section in some section that a node stands for."""
    if not path:
        return isinstance(node, dict)
    return any(_reaches(section.get(path[0]), path[1:]) for section in _list_sections(node))


def _has_number(path: list[str]) -> bool:
    return any(step.isdigit() for step in path)


def _list_sections(node: Any) -> list[dict[str, Any]]:
    """The sections that a section, or a grid of them, stands for."""
    if is_grid(node):
        return [section for item in node[GRID] for section in _list_sections(item)]
    return [node] if isinstance(node, dict) else []


def _chooses_value(values: list[Any], step: str) -> bool:
    """Whether a step of a path is the number of a grid's value, and leads into none of them."""
    leads = (isinstance(item, list) or (isinstance(item, dict) and (GRID in item or step in item)) for item in values)
    return step.isdigit() and not any(leads)
