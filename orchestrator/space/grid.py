"""Grids in plain data: any value, or any whole section, may be `{grid_search: [...]}`, and grids nest."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
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

    Missing sections are made. A number chooses an item of a list; a path with one sets what is there and makes nothing.
    """
    return _set(node, path, value, make=not any(step.isdigit() for step in path))


def _set(node: Any, path: list[str], value: Any, *, make: bool) -> bool:
    if is_grid(node):
        return sum(_set(item, path, value, make=make) for item in node[GRID]) > 0
    name, *rest = path
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
    return _set(node[place], rest, value, make=make)
