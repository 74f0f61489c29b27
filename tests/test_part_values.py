"""Every part computes from small inputs what it has computed before, with any of its settings changed too."""

from __future__ import annotations

import json

import pytest

from tests.part_values import KEPT, find_differences
from tests.support.part_values import KINDS

LONG = ("attacks", "models", "generators", "objectives")
"""Kinds whose numbers take seconds."""


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.slow] if kind in LONG else []) for kind in KINDS]
)
def test_no_part_computes_other_numbers_than_before(kind: str) -> None:
    """Where they are meant to be others: `python -m tests.part_values` keeps them."""
    assert find_differences(json.loads(KEPT.read_text())[kind], dict(KINDS[kind]())) == []


def test_other_numbers_and_other_cases_are_told() -> None:
    kept = {"one": [1.0, 200.0], "two": [1.0], "three": [1.0], "four": [0.0], "another elsewhere": None}
    now = {"one": [1.001, 200.2], "two": [1.01], "three": [1.0, 2.0], "five": [0.0], "another elsewhere": [3.0]}
    assert find_differences(kept, now) == [
        "five: is new", "four: is gone", "three: [1.0, 2.0], and [1.0] is kept", "two: [1.01], and [1.0] is kept",
    ]  # fmt: skip
