"""What a stronger attack or more steps would lower is an upper bound, tested by image, with what would settle it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.results.checks.upper_bound import CHECK, FEWER, LOWEST
from orchestrator.results.checks.verdict import NOT_TESTED, OK, UPPER_BOUND
from orchestrator.results.image_reader import Robust
from orchestrator.results.verdicts import annotate_rows, check_rows
from orchestrator.results.worst_case_verdict import judge_worst_case
from tests.support.mixed_images import IMAGES, ROWS, SEEN_BY_A, A, B, C, D, read_images
from tests.support.rows import ifgsm, row

Rows = list[dict[str, Any]]


def grades(rows: Rows, images: dict[str, Robust] | None = None, check: str = LOWEST) -> list[str]:
    """What a check says of each row, in their order."""
    known = images or {}
    found = {
        v.trials[0]: v.verdict for v in check_rows(rows, lambda row: known.get(row["attack_key"])) if v.check == check
    }
    return [found[row["trial_id"]] for row in rows]


def withstand(*rows: dict[str, Any], shift: int = 0) -> dict[str, Robust]:
    """Images of attacks: the first ones of 1,000 are robust, from another one on for each further attack."""
    return {
        row["attack_key"]: {place: n * shift <= place < n * shift + row["robust_correct"] for place in range(1000)}
        for n, row in enumerate(rows)
    }


def test_every_cell_above_the_lowest_of_its_budget_is_an_upper_bound() -> None:
    curve = [ifgsm("8/255", steps, robust) for steps, robust in ((5, 400), (10, 210), (20, 204), (40, 203))]
    assert grades(curve) == [UPPER_BOUND, UPPER_BOUND, UPPER_BOUND, OK], "190, 6 and 1 image more are fooled by then"
    assert grades(curve, check=CHECK) == [OK] * 4, "the last doubling fooled one more"


def test_a_curve_that_still_falls_has_no_end_yet() -> None:
    reason = annotate_rows([ifgsm("8/255", 10, 400), ifgsm("8/255", 20, 200)])[1]["verdict_reason"]
    assert reason == (
        "to settle it, add steps: 40 or apgd_t "
        "(ifgsm eps 8/255 20 steps: 20.0%, from 10 to 20 steps it fell from 40.0%, "
        "all 2 attacks of this budget together 20.0%)"
    )


def test_a_single_cell_is_not_tested() -> None:
    cells = [ifgsm("8/255", 10, 400), ifgsm("4/255", 20, 500)]
    assert grades(cells) == grades(cells, check=CHECK) == [NOT_TESTED, NOT_TESTED]


def test_one_image_that_another_attack_fools_is_proof() -> None:
    """Whether its images are known or not: of equally many, an attack that leaves fewer has fooled one of them."""
    walk, other = ifgsm("8/255", 10, 300), row({"name": "apgd_ce", "eps": "8/255"}, 299)
    assert grades([walk, other]) == grades([walk, other], withstand(walk, other)) == [UPPER_BOUND, OK]
    reason = annotate_rows([walk, other])[0]["verdict_reason"]
    assert "(ifgsm eps 8/255 10 steps: 30.0%, apgd_ce eps 8/255 100 steps leaves 29.9%)" in reason


def test_whatever_is_above_the_worst_case_of_its_budget_is_an_upper_bound() -> None:
    """Each attack of two fools an image that the other leaves: neither number is what withstands both."""
    walk, other = ifgsm("8/255", 10, 300), row({"name": "apgd_t", "eps": "8/255"}, 300)
    images = withstand(walk, other, shift=1)
    assert grades([walk, other], images) == [UPPER_BOUND] * 2
    rows = annotate_rows([walk, other], lambda found: images[found["attack_key"]])
    assert rows[1]["verdict_reason"] == (
        "read the worst case of this budget instead "
        "(apgd_t eps 8/255 100 steps: 30.0%, all 2 attacks of this budget together 29.9%)"
    )
    assert grades([walk, other], withstand(walk, other)) == [OK] * 2, "both leave the same images"


def test_attacks_on_other_images_are_compared_on_those_that_both_saw() -> None:
    """A leaves 7 of 8, B 2 of 4, C 6 of 8; D, of one image alone, fools one that the others fool together."""
    found = {each.trials[0]: each for each in check_rows(ROWS, read_images) if each.check == LOWEST}
    assert [found[row["trial_id"]].verdict for row in ROWS] == [UPPER_BOUND, UPPER_BOUND, UPPER_BOUND, OK]
    assert [found[row["trial_id"]].figures for row in (A, B)] == [
        "fgsm eps 8/255 1 step: 87.5%, square eps 8/255 5000 steps leaves 50.0%, "
        "all 3 attacks of this budget together 25.0% of the 4 images that all saw",
        "square eps 8/255 5000 steps: 50.0%, all 3 attacks of this budget together 25.0%",
    ]
    lucky = row({"name": "uniform", "eps": "8/255", "examples": 4}, 3, examples=4, clean_correct=4)
    images = {A["attack_key"]: SEEN_BY_A | {0: False}, lucky["attack_key"]: {0: True, 1: True, 2: False, 3: True}}
    alone = {A["attack_key"]: SEEN_BY_A, lucky["attack_key"]: dict.fromkeys(range(4), True)}
    assert grades([A, lucky], images) == [UPPER_BOUND, UPPER_BOUND], "each fools one that the other leaves"
    assert grades([A, lucky], alone) == [OK, OK], "3 of 4 is less than 7 of 8, but not of the same images"
    assert grades([A, lucky]) == [OK, OK], "of images that are not known"


@pytest.mark.parametrize(
    ("robust", "repeats", "verdict"),
    [({1: False}, True, UPPER_BOUND), ({1: True}, True, OK), ({0: False}, True, OK), ({1: False}, False, OK)],
    ids=["fools one that is left", "fools none", "fools one that another fools", "one draw proves nothing"],
)
def test_an_attack_on_few_images_speaks_against_what_it_fools(robust: Robust, repeats: bool, verdict: str) -> None:
    rows = [{**each, "deterministic": repeats} for each in ROWS]
    images = {**IMAGES, D["attack_key"]: robust}
    found = {
        each.trials[0]: each.verdict
        for each in check_rows(rows, lambda row: images[row["attack_key"]])
        if each.check == FEWER
    }
    assert found == {row["trial_id"]: verdict for row in (A, B, C)}
    judged = annotate_rows(rows, lambda row: images[row["attack_key"]])
    worst, why = judge_worst_case(judged)
    assert (worst == UPPER_BOUND) is (verdict == UPPER_BOUND)
    assert ("run pgd on as many images" in (why or "")) is (verdict == UPPER_BOUND)


def test_a_draw_of_a_model_that_answers_at_random_is_no_proof() -> None:
    """8 images fewer: beyond chance if the same are left, chance if the two attacks fool quite other images."""
    walk = ifgsm("8/255", 10, 300, deterministic=False)
    other = row({"name": "apgd_ce", "eps": "8/255"}, 292, deterministic=False)
    assert grades([walk, other], withstand(walk, other))[0] == UPPER_BOUND
    assert grades([walk, other], withstand(walk, other, shift=200)) == [OK] * 2
    assert grades([walk, other])[0] == OK, "of images that are not known, the counts must differ by more"
    assert grades([walk, other | {"robust_correct": 200, "robust_accuracy": 0.2}])[0] == UPPER_BOUND


def test_the_worst_case_stands_beside_every_cell_of_a_budget() -> None:
    short, long, other = ifgsm("8/255", 10, 300), ifgsm("8/255", 20, 250), row({"name": "apgd_ce", "eps": "8/255"}, 300)
    images = withstand(long, other, shift=100)
    rows = annotate_rows([short, long, other], lambda row: images.get(row["attack_key"]))
    assert [row["worst_case_correct"] for row in rows] == [150] * 3, "images 100 to 249"
    assert "all 3 attacks of this budget together 15.0%" in rows[0]["verdict_reason"]
    assert [row["worst_case_correct"] for row in annotate_rows([short, long])] == [250] * 2, "one run: no image is read"
    assert [row["worst_case_correct"] for row in annotate_rows([short, other])] == [None] * 2


def test_two_attacks_of_one_name_are_told_apart_by_what_differs() -> None:
    seeing, blind = (row({"name": "pgd", "eps": "32/255", "steps": 5}, robust) for robust in (500, 150))
    config = json.loads(seeing["config"])
    config["attack"] |= {"adaptive": False, "batch_size": 7}
    blind |= {"trial_id": "blind", "config": json.dumps(config), "transformations": "jpeg"}
    (found,) = (
        each
        for each in check_rows([seeing | {"transformations": "jpeg"}, blind])
        if each.check == LOWEST and each.verdict == UPPER_BOUND
    )
    assert found.figures == (
        "pgd eps 32/255 5 steps (adaptive: true): 50.0%, pgd eps 32/255 5 steps (adaptive: false) leaves 15.0%"
    )


@pytest.mark.parametrize(("classes", "hint"), [(10, "add steps: 40 or apgd_t"), (3, "add steps: 40 (")])
def test_what_is_recommended_is_possible(classes: int, hint: str) -> None:
    rows = annotate_rows([ifgsm("8/255", 10, 600, classes=classes), ifgsm("8/255", 20, 500, classes=classes)])
    assert hint in rows[0]["verdict_reason"]


def test_what_settles_it_is_read_where_it_is_there() -> None:
    best = row({"name": "apgd_t", "eps": "8/255"}, 100)
    found = annotate_rows([ifgsm("8/255", 10, 400), best])
    assert "read apgd_t instead" in found[0]["verdict_reason"]


def test_every_answer_names_its_paper_and_its_own_row() -> None:
    curve = [ifgsm("8/255", steps, robust) for steps, robust in ((5, 400), (10, 210), (20, 204), (40, 203))]
    rows = [*curve, ifgsm("4/255", 10, 500)]
    for check, grades_of_it in ((CHECK, {OK, NOT_TESTED}), (LOWEST, {UPPER_BOUND, OK, NOT_TESTED})):
        found = [each for each in check_rows(rows) if each.check == check]
        assert {each.verdict for each in found} == grades_of_it
        assert {each.paper for each in found} == {"Carlini et al. 2019, arXiv 1902.06705"}
        assert sorted(each.trials for each in found) == sorted((row["trial_id"],) for row in rows)
