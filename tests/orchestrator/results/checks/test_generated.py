"""What the checks say of attacks by generators, each on rows with known counts."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.results.checks.generated import CHECK, KEPT
from orchestrator.results.checks.verdict import NOT_TESTED, OK, SUSPICIOUS, UPPER_BOUND
from orchestrator.results.verdicts import check_rows
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


@pytest.mark.parametrize(
    "other",
    [{"name": "ifgsm", "eps": "4/255"}, {"name": "fgsm", "eps": "8/255"},
     {"name": "ifgsm", "eps": "8/255", "surrogate": SURROGATE}],
)  # fmt: skip
def test_nothing_else_says_anything_of_it(other: dict[str, Any]) -> None:
    assert verdicts_of(CHECK, check_rows([row(ADVGAN, 600), row(other, 100)])) == {NOT_TESTED}


def test_of_an_unrestricted_attack_the_images_are_needed() -> None:
    attack = {"name": "diff_pgd_unrestricted", "witness": {"seed": 9, "model": {"name": "resnet8"}}}
    assert verdicts_of(KEPT, check_rows([row(attack, 300)])) == {NOT_TESTED}
