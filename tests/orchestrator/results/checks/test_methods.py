"""The settings behind a row."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.results.checks.methods import read_method


def test_settings_of_the_evaluation_are_left_aside() -> None:
    found: Any = read_method({"name": "ifgsm", "eps": 0.1, "steps": 7, "examples": 20, "only_correct": True})
    assert (found.name, found.eps, found.steps) == ("ifgsm", 0.1, 7)


@pytest.mark.parametrize(
    "content",
    [None, [], "ifgsm", {}, {"name": "of another version", "eps": 0.1}, {"name": "ifgsm", "eps": 0.1, "steps": -1}],
)
def test_what_is_unknown_or_another_by_now_has_none(content: Any) -> None:
    assert read_method(content) is None
