"""Models that adapt, that answer no logits, and whose gradients lead elsewhere, on rows that say so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.results.checks.verdict import NOT_TESTED, OK, SUSPICIOUS, UPPER_BOUND
from orchestrator.results.verdicts import annotate_rows, check_rows
from tests.support.rows import ifgsm

ALONE = {"alone_images": 20, "alone_differs": 0, "changed_tensors": 0, "training_modules": 0}
ANSWERS = {"dynamic": False, "probabilities": False}
RAISED = {"raised_images": 100, "raised": 95}


def judge(check: str, health: dict[str, Any], **row: Any) -> tuple[str, str]:
    """What a check says of a model, and why."""
    found = ifgsm("8/255", 10, 200, health=health, deterministic=row.pop("deterministic", True)) | row
    (verdict,) = (each for each in check_rows([found]) if each.check == check)
    return verdict.verdict, verdict.cause


@pytest.mark.parametrize(
    ("check", "health", "row", "verdict", "cause"),
    [
        ("model stays the same", ALONE, {}, OK, ""),
        ("model stays the same", ALONE | {"changed_tensors": 2}, {}, SUSPICIOUS, "an answer changes the model"),
        ("model stays the same", ALONE | {"alone_differs": 12}, {}, SUSPICIOUS, "depends on the images beside it"),
        ("model stays the same", ALONE | {"alone_differs": 8}, {}, OK, ""),
        ("model stays the same", ALONE | {"alone_differs": 20}, {"deterministic": False}, OK, ""),
        ("model stays the same", {}, {}, NOT_TESTED, ""),
        ("plain logits", ANSWERS, {}, OK, ""),
        ("plain logits", ANSWERS | {"dynamic": True}, {}, SUSPICIOUS, "follows gradients of its own"),
        ("plain logits", ANSWERS | {"probabilities": True}, {}, SUSPICIOUS, "answers probabilities"),
        ("gradient raises the loss", RAISED, {}, OK, ""),
        ("gradient raises the loss", RAISED | {"raised": 50}, {}, SUSPICIOUS, "the gradient is noisy"),
        ("gradient raises the loss", RAISED | {"raised": 50}, {"deterministic": False}, NOT_TESTED, ""),
        ("gradient raises the loss", RAISED | {"raised": 50}, {"transformations": "jpeg"}, UPPER_BOUND, "stand-in"),
        ("gradient raises the loss", {"raised_images": 7, "raised": 0}, {}, NOT_TESTED, ""),
        ("gradient raises the loss", {"raised_images": 8, "raised": 0}, {}, SUSPICIOUS, "the gradient is noisy"),
        ("gradient raises the loss", RAISED | {"raised": 80}, {}, OK, ""),
        ("gradient raises the loss", RAISED | {"raised": 79}, {}, SUSPICIOUS, "the gradient is noisy"),
        ("model stays the same", ALONE | {"alone_differs": 10}, {}, OK, ""),
        ("model stays the same", ALONE | {"alone_differs": 11}, {}, SUSPICIOUS, "depends on the images beside it"),
        ("model stays the same", ALONE | {"alone_images": 0}, {}, NOT_TESTED, ""),
    ],
)
def test_what_a_model_does_is_said_with_its_cause(
    check: str, health: dict[str, Any], row: dict[str, Any], verdict: str, cause: str
) -> None:
    found, said = judge(check, health, **row)
    assert found == verdict
    assert cause in said
    assert bool(said) == bool(cause)


def test_the_stage_in_which_the_gradient_leads_worst_counts() -> None:
    rows = [ifgsm("8/255", steps, 200, health=RAISED | {"raised": raised}) for steps, raised in ((10, 95), (20, 50))]
    found = {each.verdict for each in check_rows(rows) if each.check == "gradient raises the loss"}
    assert found == {SUSPICIOUS}


def test_a_noisy_gradient_says_nothing_where_there_is_no_budget() -> None:
    health = RAISED | {"raised": 50}
    none, some = (ifgsm(eps, 10, robust, health=health) for eps, robust in ((0, 950), ("8/255", 200)))
    behind = [each | {"transformations": "jpeg"} for each in (none, some)]
    marked = {each["attack_eps"]: json.loads(each["verdicts"]) for each in annotate_rows(behind)}
    assert {eps: found.get("gradient raises the loss") for eps, found in marked.items()} == {
        0: None,
        some["attack_eps"]: UPPER_BOUND,
    }
    assert not [each for each in check_rows(behind[:1]) if each.check == "gradient raises the loss"]


@pytest.mark.parametrize(
    ("check", "health", "figures"),
    [
        ("model stays the same", ALONE | {"changed_tensors": 3, "alone_differs": 4, "training_modules": 5},
         "3 weights and buffers changed by an answer, 4 of 20 answers differ among fewer images, "
         "5 layers in training mode"),
        ("plain logits", {"dynamic": True, "probabilities": False}, "own gradients taken, answers no probabilities"),
        ("plain logits", {"dynamic": False, "probabilities": True}, "own gradients not taken, answers probabilities"),
        ("gradient raises the loss", RAISED, "of 100 images a small step raises the margin of 95 more than noise does"),
    ],
)  # fmt: skip
def test_the_numbers_stand_beside_the_verdict(check: str, health: dict[str, Any], figures: str) -> None:
    rows = [ifgsm("8/255", 10, 200, health=health), ifgsm("4/255", 10, 300)]
    (found,) = (each for each in check_rows(rows) if each.check == check)
    assert found.figures == figures
    assert set(found.trials) == {row["trial_id"] for row in rows}
