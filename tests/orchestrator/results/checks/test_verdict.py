"""What a check says."""

from __future__ import annotations

import pytest

from orchestrator.results.checks.verdict import (
    GRADES,
    NOT_TESTED,
    OK,
    SUSPICIOUS,
    UPPER_BOUND,
    Verdict,
    list_ids,
    rank_severity,
    report_not_tested,
)


def test_grades_go_from_nothing_said_to_the_worst() -> None:
    assert sorted([SUSPICIOUS, OK, UPPER_BOUND, NOT_TESTED], key=rank_severity) == list(GRADES)
    assert [rank_severity(grade) for grade in (NOT_TESTED, OK, UPPER_BOUND, SUSPICIOUS)] == [0, 1, 2, 3]


@pytest.mark.parametrize(("cause", "reason"), [("add steps", "add steps (1 and 2)"), ("", "1 and 2")])
def test_the_reason_is_the_cause_with_its_figures(cause: str, reason: str) -> None:
    assert Verdict("check", UPPER_BOUND, "1 and 2", "paper", (), cause).reason == reason


def test_what_is_not_tested_says_what_it_needs_for_all_of_its_trials() -> None:
    group = [{"trial_id": "b"}, {"trial_id": "a"}]
    assert list_ids(*group) == ("b", "a")
    expected = Verdict("noise", NOT_TESTED, "needs two seeds", "paper", ("b", "a"))
    assert report_not_tested("noise", "paper", group, "two seeds") == expected
