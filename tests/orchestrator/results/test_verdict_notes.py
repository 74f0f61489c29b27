"""Marks beside numbers, and what each means below the table."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.results.checks.verdict import NOT_TESTED, OK, SUSPICIOUS, UPPER_BOUND, Verdict, find_worst
from orchestrator.results.verdict_notes import VerdictNotes, count_checks
from tasks.trial.row import Row


def make_rows(*names: str) -> list[Row]:
    return [{"trial_id": name} for name in names]


def make_verdict(check: str, verdict: str, *trials: str, figures: str = "1 and 2") -> Verdict:
    return Verdict(check, verdict, figures, "a paper", trials, "a cause" if verdict == SUSPICIOUS else "")


def test_letters_come_in_the_order_in_which_they_are_needed() -> None:
    notes = VerdictNotes([
        make_verdict("noise", SUSPICIOUS, "x", "y"), make_verdict("steps", UPPER_BOUND, "z", "y", figures="3"),
        make_verdict("steps", UPPER_BOUND, "w", figures="4"), make_verdict("fine", OK, "z"),
        make_verdict("open", NOT_TESTED, "z"), make_verdict("unused", SUSPICIOUS, "v"),
    ])  # fmt: skip
    assert notes.mark(make_rows("z", "w")) == "a"
    assert notes.mark(make_rows("q")) == ""
    assert notes.mark(make_rows("y")) == "!a,b"
    assert notes.mark(make_rows("x")) == "!b"
    assert list(notes.explain()) == [
        "a  upper bound: steps, 2 numbers, the first: 4 (a paper)",
        "!b  suspicious: noise, 2 numbers, the first: a cause (1 and 2) (a paper)",
    ]


def test_what_a_number_cannot_be_read_without_is_shown_where_it_holds_too() -> None:
    told = replace(make_verdict("kept", OK, "x", figures="3 of 4"), always_shown=True)
    open_ = replace(make_verdict("kept", NOT_TESTED, "y"), always_shown=True)
    notes = VerdictNotes([told, open_, make_verdict("fine", OK, "x")])
    assert (notes.mark(make_rows("x")), notes.mark(make_rows("y"))) == ("a", "")
    assert list(notes.explain()) == ["a  ok: kept, 1 number: 3 of 4 (a paper)"]


def test_after_z_comes_aa() -> None:
    notes = VerdictNotes([make_verdict(f"check {n}", UPPER_BOUND, f"t{n}") for n in range(29)])
    marks = [notes.mark(make_rows(f"t{n}")) for n in range(29)]
    assert (marks[0], marks[25:]) == ("a", ["z", "aa", "ab", "ac"])


def test_checks_are_counted_by_the_worst_that_they_say_of_these_rows() -> None:
    found = [
        make_verdict("holds", OK, "x"), make_verdict("holds", NOT_TESTED, "y"), make_verdict("broken", OK, "x"),
        make_verdict("broken", SUSPICIOUS, "y"), make_verdict("open b", NOT_TESTED, "x"),
        make_verdict("open a", NOT_TESTED, "y"), make_verdict("elsewhere", OK, "z"),
    ]  # fmt: skip
    assert count_checks(found, make_rows("x", "y")) == (
        "1 of 4 checks hold, 2 not tested (open a, open b): launch --verify adds what they need"
    )
    assert count_checks(found[:1], make_rows("x")) == "1 of 1 checks hold"


def test_the_worst_grade_counts_and_a_dash_stands_for_none() -> None:
    assert find_worst([OK, None, NOT_TESTED]) == OK
    assert find_worst([UPPER_BOUND, SUSPICIOUS, OK]) == SUSPICIOUS
    assert find_worst([UPPER_BOUND, OK]) == UPPER_BOUND
    assert find_worst([None]) == find_worst([]) == "-"
