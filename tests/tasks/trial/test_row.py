"""The row of a trial: what training minimised, counts and rates."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.schema import TRIALS
from tasks.trial.row import complete_row, make_failed_row
from tests.support.small import stages_of, trial
from tests.support.training import FGSM, TRAIN

ENSEMBLE = {"share": 0.3, "attack": FGSM, "surrogates": [{"model": {"name": "resnet8"}}]}
MIXED = {"lambda": 0.3, "attack": {"name": "ifgsm", "eps": 0.05, "steps": 4}}


def row(**sections: Any) -> dict[str, Any]:
    asked = trial(**sections)
    return make_failed_row(asked, stages_of(asked), "not run")


@pytest.mark.parametrize(
    ("sections", "objective", "share", "eps", "steps"),
    [
        ({}, "standard", None, None, None),
        ({"train": None}, None, None, None, None),
        ({"adversarial_finetune": {**TRAIN, **MIXED}}, "adversarial", 0.3, 0.05, 4),
        ({"adversarial_finetune": {**TRAIN, "lambda": 0}}, "standard", 0.0, None, None),
        ({"train": {**TRAIN, "ensemble": ENSEMBLE}}, "ensemble", None, None, None),
        ({"train": {**TRAIN, "ensemble": ENSEMBLE}, "finetune": TRAIN}, "ensemble", None, None, None),
        (
            {"train": {**TRAIN, "ensemble": ENSEMBLE}, "adversarial_finetune": {**TRAIN, "lambda": 0}},
            "ensemble",
            0.0,
            None,
            None,
        ),
        (
            {"train": {**TRAIN, "ensemble": ENSEMBLE}, "adversarial_finetune": {**TRAIN, **MIXED}},
            "adversarial",
            0.3,
            0.05,
            4,
        ),
        ({"adversarial_finetune": {**TRAIN, **MIXED, "ensemble": ENSEMBLE}}, "ensemble", 0.3, 0.05, 4),
        ({"train": {**TRAIN, "objective": {"name": "adversarial", **MIXED}}}, "adversarial", 0.3, 0.05, 4),
    ],
)
def test_a_row_says_what_training_minimised(
    sections: dict[str, Any], objective: str | None, share: float | None, eps: float | None, steps: int | None
) -> None:
    found = row(**sections)
    assert list(found) == TRIALS.names
    assert (found["objective"], found["lambda"], found["eps_train"], found["train_steps"]) == (
        objective,
        share,
        eps,
        steps,
    )
    assert complete_row(found | {"objective": None}) == found, "rows of earlier releases have no such column"
