"""Which rows a paper's number is about."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.space import matching
from orchestrator.space.matching import Bounds, Matcher, find_match_problems
from tests.support.rows import ifgsm

ROWS = [ifgsm("8/255", 10, 200), ifgsm("8/255", 10, 300) | {"attack_surrogate": "alexnet"}]


@pytest.mark.parametrize(
    ("match", "places"),
    [
        ({}, [0, 1]),
        ({"attack": "ifgsm", "attack_eps": "8/255"}, [0, 1]),
        ({"attack_eps": "4/255"}, []),
        ({"attack_surrogate": None}, [0]),
        ({"attack_surrogate": "*"}, [1]),
        ({"train.epochs": 2, "train.optimizer.name": "sgd"}, [0, 1]),
        ({"train.optimizer.lr": "1/10"}, [0, 1]),
        ({"train.epochs.deeper": 2}, []),
    ],
)
def test_columns_and_settings_are_matched(match: dict[str, Any], places: list[int]) -> None:
    assert Matcher(ROWS).matching(match) == [ROWS[place] for place in places]


def test_failed_rows_match_nothing() -> None:
    assert Matcher([ROWS[0] | {"status": "failed"}]).matching({}) == []


def test_a_name_that_no_row_has_is_told_with_the_nearest() -> None:
    (problem,) = find_match_problems({"atack": "fgsm", "attack": "fgsm", "train.epochs": 3}, "reference.0.match")
    assert str(problem).startswith("reference.0.match.atack = 'fgsm': neither a column nor a setting")
    assert "did you mean 'attack'?" in str(problem)


@pytest.mark.parametrize(
    ("limits", "value", "holds"),
    [
        (((">", 1.0), ("<=", 3.0)), 3, True),
        (((">", 1.0), ("<=", 3.0)), 1, False),
        (((">", 1.0), ("<=", 3.0)), 4, False),
        (((">=", 1.0),), True, False),
        (((">=", 1.0),), "2", False),
    ],
)
def test_limits_hold_for_numbers_alone_and_all_of_them(
    limits: tuple[tuple[str, float], ...], value: object, holds: bool
) -> None:
    assert Bounds(limits).hold(value) is holds


@pytest.mark.parametrize(
    ("value", "wanted", "equal"),
    [
        (0.1, "1/10", True), (0.1, 0.1 + 1e-10, True), (0.1, 0.1 + 1e-8, False), (0.1, "many", False),
        ([1], 0.5, False), (None, "*", False), (0, "*", True), (None, None, True), (0, None, False), (None, 0, False),
        ("a", ["b", "a"], True), ("a", ["b"], False), (True, True, True), (False, True, False), ("1", 1, False),
    ],
)  # fmt: skip
def test_a_value_is_what_was_wanted(value: Any, wanted: Any, equal: bool) -> None:
    assert matching._is_equal(value, wanted) is equal
