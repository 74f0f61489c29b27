"""What the checks say of attacks by generators, each on rows with known counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from orchestrator.results.checks.generated import CHECK, KEPT
from orchestrator.results.checks.verdict import NOT_TESTED, OK, SUSPICIOUS, UPPER_BOUND
from orchestrator.results.image_reader import ImageReader
from orchestrator.results.verdicts import annotate_rows, check_rows
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import open_storage
from tests.orchestrator.results.checks.test_strength import SURROGATE
from tests.support.rows import ifgsm, row, verdicts_of

ADVGAN = {"name": "advgan", "eps": "8/255"}


@pytest.mark.parametrize(
    ("generated", "gradient", "grade"), [(600, 400, UPPER_BOUND), (400, 402, OK), (400, 600, SUSPICIOUS)]
)
def test_a_generator_is_held_against_the_gradient_in_the_same_ball(generated: int, gradient: int, grade: str) -> None:
    rows = [row(ADVGAN, generated), ifgsm("8/255", 20, gradient)]
    assert verdicts_of(CHECK, check_rows(rows)) == {grade}
    (found,) = [verdict for verdict in check_rows(rows) if verdict.check == CHECK]
    assert rows[0]["trial_id"] in found.trials
    assert ("read ifgsm instead" in found.cause) is (grade == UPPER_BOUND)


def test_a_generator_by_transfer_is_held_against_gradients_by_transfer() -> None:
    transferred = row({**ADVGAN, "surrogate": SURROGATE}, 600)
    assert verdicts_of(CHECK, check_rows([transferred, ifgsm("8/255", 20, 400)])) == {NOT_TESTED}
    rows = [transferred, row({"name": "ifgsm", "eps": "8/255", "surrogate": SURROGATE}, 500)]
    assert verdicts_of(CHECK, check_rows(rows)) == {UPPER_BOUND}


def test_the_strongest_gradient_is_what_counts() -> None:
    """By the counts alone: one that leaves less than the generator settles it, whatever a weaker one leaves."""
    rows = [row(ADVGAN, 600), ifgsm("8/255", 1, 900), ifgsm("8/255", 10, 800), ifgsm("8/255", 20, 400)]
    (found,) = [each for each in check_rows(rows) if each.check == CHECK]
    assert found.verdict == UPPER_BOUND
    assert "40.0%" in found.figures


@pytest.mark.parametrize(
    "other",
    [{"name": "ifgsm", "eps": "4/255"}, {"name": "fgsm", "eps": "8/255"},
     {"name": "ifgsm", "eps": "8/255", "surrogate": SURROGATE}],
)  # fmt: skip
def test_nothing_else_says_anything_of_it(other: dict[str, Any]) -> None:
    assert verdicts_of(CHECK, check_rows([row(ADVGAN, 600), row(other, 100)])) == {NOT_TESTED}


UNRESTRICTED = {"name": "diff_pgd_unrestricted", "witness": {"seed": 9, "model": {"name": "resnet8"}}}


def test_of_an_unrestricted_attack_the_images_are_needed() -> None:
    assert verdicts_of(KEPT, check_rows([row(UNRESTRICTED, 300)])) == {NOT_TESTED}


class Known(ImageReader):
    """Nine images of class 1: one that was wrong before, one that withstands, and seven that fool the model, with their
    L2. The witness sees the label in the first so many of these, and in so many of them as they were: the last ones."""

    def __init__(self, kept: int, known: int | None, folder: Path) -> None:
        super().__init__(StageStore(open_storage(folder)))
        self.kept, self.known = kept, known

    def load_table(self, row: dict[str, Any], *chosen: str) -> pa.Table:  # noqa: ARG002
        seen = [1, 1, *(1 if place < self.kept else 5 for place in range(7))]
        was = [1, 1, *(1 if place >= 7 - (self.known or 0) else 5 for place in range(7))]
        sizes = [90.0, 90.0, 1.0, 2.0, 6.0, *([8.0] * 4)]
        label, before, after = [1] * 9, [4, *([1] * 8)], [4, 1, *([3] * 7)]
        names = ("label", "clean_prediction", "adversarial_prediction", "witness_prediction", "l2")
        columns: dict[str, Any] = dict(zip(names, (label, before, after, seen, sizes), strict=True))
        clean = pa.nulls(9, pa.int32()) if self.known is None else was
        return pa.table(columns | {"witness_clean_prediction": clean}).select(chosen)


LOST, IGNORANT = "take smaller or fewer steps", "train it better"
FOR = "keep their label for resnet8, seed 9"


@pytest.mark.parametrize(
    ("kept", "known", "cause", "figures"),
    [
        (3, 7, LOST, f"3 {FOR}, which sees it in 7 of the clean images, their L2 2 in the median"),
        (4, 7, None, f"4 {FOR}, which sees it in 7 of the clean images, their L2 4 in the median"),
        (0, 7, LOST, f"0 {FOR}, which sees it in 7 of the clean images"),
        (5, 4, None, f"2 {FOR}, which sees it in 4 of the clean images, their L2 8 in the median"),
        (4, 4, LOST, f"1 {FOR}, which sees it in 4 of the clean images, their L2 8 in the median"),
        (7, 3, IGNORANT, f"3 {FOR}, which sees it in 3 of the clean images, their L2 8 in the median"),
        (7, 0, IGNORANT, f"0 {FOR}, which sees it in 0 of the clean images"),
        (4, None, None, f"4 {FOR}, their L2 4 in the median"),
        (3, None, LOST, f"3 {FOR}, their L2 2 in the median"),
    ],
)
def test_an_unrestricted_attack_says_how_many_of_its_examples_keep_their_label(
    kept: int, known: int | None, cause: str | None, figures: str, tmp_path: Path
) -> None:
    """What the witness does not see in the clean image is not kept; earlier versions did not ask."""
    checked = check_rows([row(UNRESTRICTED, 300)], Known(kept, known, tmp_path))
    (found,) = [each for each in checked if each.check == KEPT]
    assert found.verdict == (UPPER_BOUND if cause else OK)
    assert found.figures == f"of 7 examples that fool the model {figures}"
    assert found.always_shown
    assert found.cause.endswith(cause) if cause else found.cause == ""


def test_an_unrestricted_attack_says_nothing_of_what_keeps_to_a_ball() -> None:
    """However many images it leaves, verdicts and worst cases of the others stay as they are."""

    def judge_others(left: int) -> list[tuple[Any, ...]]:
        rows = annotate_rows([row(UNRESTRICTED, left), row(ADVGAN, 600), ifgsm("8/255", 20, 400)])
        return [(each["verdict"], each["verdict_reason"], each["worst_case_correct"]) for each in rows[1:]]

    assert judge_others(0) == judge_others(900)
    assert judge_others(0)[0][0] == UPPER_BOUND
