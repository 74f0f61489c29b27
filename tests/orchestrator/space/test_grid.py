"""Grids: they nest anywhere, and one that cannot be read is named."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.space import grid
from orchestrator.space import space as spaces
from tasks.errors import ProblemsError
from tests.conftest import CONFIG


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (3, [3]),
        ({"grid_search": [1, 2]}, [1, 2]),
        ({"a": {"grid_search": [1, 2]}, "b": 3}, [{"a": 1, "b": 3}, {"a": 2, "b": 3}]),
        ({"grid_search": [None, {"a": {"grid_search": [1, 2]}}]}, [None, {"a": 1}, {"a": 2}]),
        ({"grid_search": [{"grid_search": [1, 2]}, 3]}, [1, 2, 3]),
        ([{"grid_search": [1, 2]}, 5], [[1, 5], [2, 5]]),
    ],
)
def test_grids_nest_anywhere(node: Any, expected: list[Any]) -> None:
    assert grid.expand_variants(node) == expected
    assert grid.count(node) == len(expected)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"grid_search": []}, "takes a list of at least one value"),
        ({"grid_search": 3}, "takes a list of at least one value"),
        ({"grid_search": [1], "extra": 2}, "stands beside extra"),
    ],
)
def test_malformed_grids(node: Any, message: str) -> None:
    with pytest.raises(ProblemsError, match=message):
        spaces.build("test", "test.yaml", {**CONFIG, "seed": node})
