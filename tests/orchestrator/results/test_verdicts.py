"""Verdicts stand in the rows, and beside the numbers that they concern."""

from __future__ import annotations

import json

from orchestrator.results.checks.verdict import NOT_TESTED, OK, SUSPICIOUS, UPPER_BOUND, find_worst
from orchestrator.results.presentation import Selection, render_rows
from orchestrator.results.verdicts import annotate_rows, check_rows, narrow_worst_cases
from tests.support.mixed_images import ROWS, read_images
from tests.support.rows import ifgsm, row, verdicts_of


def test_verdicts_stand_in_the_rows_and_beside_the_numbers() -> None:
    noise = row({"name": "uniform", "eps": "8/255"}, 100)
    rows = annotate_rows([ifgsm("8/255", 10, 400), ifgsm("8/255", 20, 200), ifgsm("2/255", 20, 900), noise])
    by_steps = {(entry["attack_eps"], entry["attack_steps"]): entry for entry in rows[:3]}
    assert by_steps[8 / 255, 20]["verdict"] == SUSPICIOUS
    assert by_steps[2 / 255, 20]["verdict"] == OK
    assert by_steps[2 / 255, 20]["verdict_reason"] is None
    assert json.loads(by_steps[8 / 255, 20]["verdicts"])["white-box >= noise"] == SUSPICIOUS
    assert json.loads(by_steps[8 / 255, 10]["verdicts"])["lowest of its budget"] == UPPER_BOUND
    reason = "noise fools more than gradients do: these are masked, or the attack is broken"
    figures = "ifgsm eps 8/255, 20 steps: 20.0%; uniform eps 8/255, 1 step: 10.0%"
    assert by_steps[8 / 255, 20]["verdict_reason"] == f"{reason} ({figures})"
    assert "!a" in render_rows(rows, rows, "table", Selection())


def test_a_worst_verdict_is_that_of_the_highest_grade() -> None:
    assert find_worst([NOT_TESTED, OK, None]) == OK
    assert find_worst([UPPER_BOUND, OK]) == UPPER_BOUND
    assert find_worst([UPPER_BOUND, SUSPICIOUS]) == SUSPICIOUS
    assert find_worst([None]) == "-"


def test_the_worst_of_several_verdicts_of_one_check_counts_whatever_came_last() -> None:
    found = [row({"name": "uniform", "eps": "8/255", "draws": draws}, robust) for draws, robust in ((3, 100), (1, 700))]
    rows = annotate_rows([ifgsm("8/255", 10, 400), *found])
    assert json.loads(rows[0]["verdicts"])["white-box >= noise"] == SUSPICIOUS
    assert json.loads(rows[2]["verdicts"])["white-box >= noise"] == OK


def test_the_strongest_of_several_attacks_is_what_a_weaker_one_is_held_against() -> None:
    rows = [ifgsm("8/255", 10, 600), ifgsm("8/255", 20, 300), row({"name": "uniform", "eps": "8/255"}, 450)]
    assert verdicts_of("white-box >= noise", check_rows(rows)) == {OK}


def test_attacks_on_other_images_and_failed_trials_say_nothing() -> None:
    few = row({"name": "uniform", "eps": "8/255"}, 50, examples=500, clean_correct=475)
    failed = ifgsm("8/255", 20, 0) | {"status": "failed", "robust_correct": None, "robust_accuracy": None}
    assert verdicts_of("white-box >= noise", check_rows([ifgsm("8/255", 10, 400), few, failed])) == {NOT_TESTED}
    assert annotate_rows([failed]) == [failed]


def test_the_verdicts_of_rows_come_from_the_images_where_they_are_known() -> None:
    """Equal counts tell nothing; the images tell that each attack fools some which the other leaves."""
    first, second = ifgsm("8/255", 10, 240), row({"name": "apgd_ce", "eps": "8/255"}, 240)
    images = {
        first["attack_key"]: {place: place < 240 for place in range(1000)},
        second["attack_key"]: {place: 10 <= place < 250 for place in range(1000)},
    }
    by_counts = annotate_rows([first, second])[0]
    by_images = annotate_rows([first, second], lambda found: images[found["attack_key"]])[0]
    assert json.loads(by_counts["verdicts"])["lowest of its budget"] == OK
    assert json.loads(by_images["verdicts"])["lowest of its budget"] == by_images["verdict"] == UPPER_BOUND
    assert (by_counts["worst_case_correct"], by_images["worst_case_correct"]) == (None, 230)


def test_the_worst_case_of_a_choice_is_over_the_attacks_that_are_chosen() -> None:
    """Chosen models keep theirs; of chosen attacks it is counted anew, and without images it is not known."""
    rows = annotate_rows(ROWS, read_images)
    for chosen, expected in ((rows, (1, 4)), ([rows[0]], (7, 8)), ([rows[0], rows[2]], (5, 8)), ([rows[1]], (2, 4))):
        narrowed = narrow_worst_cases(rows, chosen, read_images)
        assert {(row["worst_case_correct"], row["worst_case_examples"]) for row in narrowed} == {expected}
        assert [row["verdict"] for row in narrowed] == [row["verdict"] for row in chosen]
    assert narrow_worst_cases(rows, rows) == rows, "nothing is left out"
    (unread, _) = narrow_worst_cases(rows, [rows[0], rows[2]])
    assert unread["worst_case_correct"] is None
