"""What answers tell by themselves."""

from __future__ import annotations

from typing import cast

import pyarrow as pa
import pytest

from tasks.evaluation.evaluation import Evaluation
from tasks.evaluation.health import count_answers
from tasks.evaluation.preview import Preview
from tasks.evaluation.settings import AttackSettings


@pytest.mark.parametrize(("attack", "unmoved"), [({"name": "pgd", "eps": 0.1}, 1), ({"name": "deepfool"}, None)])
def test_images_are_counted_that_were_corrected_or_left_as_they_are(
    attack: dict[str, object], unmoved: int | None
) -> None:
    """Six images of class 0: one is wrong before and right after, two did not move and one of them withstands."""
    table = pa.table({
        "label": [0] * 6,
        "clean_prediction": [3, 0, 0, 0, 3, 2],
        "adversarial_prediction": [0, 0, 3, 3, 2, 2],
        "robust": [False, True, False, False, False, False],
        "linf": [0.1, 0.0, 0.1, 0.1, 0.0, 0.1],
    })  # fmt: skip
    result = Evaluation(table, cast(Preview, None), remembered=2, asked=6)
    found = count_answers(result, AttackSettings.model_validate(attack))
    assert found == {"classes_said": 3, "corrected": 1, "unmoved": unmoved, "remembered": 2, "asked": 6}


def test_correct_images_are_counted_before_and_after() -> None:
    """One is wrong before and right after, which is not robust, and one of the others withstands."""
    table = pa.table({
        "label": [0] * 4,
        "clean_prediction": [3, 0, 0, 0],
        "adversarial_prediction": [0, 0, 3, 3],
        "robust": [False, True, False, False],
    })  # fmt: skip
    assert Evaluation(table, cast(Preview, None)).count_correct() == {
        "examples": 4, "clean_correct": 3, "robust_correct": 1,
    }  # fmt: skip
