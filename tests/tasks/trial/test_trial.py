"""A trial holds together: budgets are ones that an image can need, wherever they stand and whatever their unit."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tasks.settings_problems import describe_problems
from tasks.trial.trial import Trial
from tests.support.small import trial
from tests.support.training import TRAIN

SMALL = {"name": "digits", "image_size": 8, "channels": 1}
"""An image of 64 values: no two of them are farther apart than 8 in l2."""
PIXELS = {"name": "ifgsm", "eps": 8}
SURROGATE = {"model": {"name": "resnet8"}}
LONG = {"name": "pgd", "norm": "l2", "eps": 8.1}


@pytest.mark.parametrize(
    ("sections", "path", "words"),
    [
        ({"attack": PIXELS}, "attack.eps", "did you mean 8/255?"),
        (
            {"adversarial_finetune": {**TRAIN, "lambda": 1, "attack": PIXELS}},
            "adversarial_finetune.attack.eps",
            "8/255?",
        ),
        ({"train": {**TRAIN, "validation_attack": PIXELS}}, "train.validation_attack.eps", "8/255?"),
        (
            {"train": {**TRAIN, "objective": {"name": "adversarial", "lambda": 1, "attack": PIXELS}}},
            "train.objective.attack.eps",
            "8/255?",
        ),
        ({"dataset": SMALL, "attack": LONG}, "attack.eps", "above 8 in l2"),
        ({"dataset": SMALL, "adversarial_finetune": {**TRAIN, "lambda": 1, "attack": LONG}},
         "adversarial_finetune.attack.eps", "above 8 in l2"),
        ({"dataset": SMALL, "finetune": {**TRAIN, "objective": {"name": "smooth_adv", "attack": LONG}}},
         "finetune.objective.attack.eps", "above 8 in l2"),
        ({"dataset": SMALL, "train": {**TRAIN, "ensemble": {"attack": LONG, "surrogates": [SURROGATE]}}},
         "train.ensemble.attack.eps", "above 8 in l2"),
        ({"dataset": SMALL, "attack": {"name": "pdpgd", "norm": "l1", "eps": 65}}, "attack.eps", "above 64 in l1"),
        ({"dataset": SMALL, "attack": {"name": "jsma", "eps": 65}}, "attack.eps", "above 64 in l0"),
        ({"attack": {"name": "sigma_zero", "eps": 0.5}}, "attack.eps", "l0 counts values: give a whole number"),
        ({"attack": {"name": "fgsm", "eps": 2.1, "eps_space": "normalized"}}, "attack.eps", "above 2 in linf"),
    ],
)  # fmt: skip
def test_a_budget_that_no_image_needs_is_refused_where_it_stands(
    sections: dict[str, Any], path: str, words: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        trial(**sections)
    (problem,) = describe_problems(caught.value, Trial, "")
    assert problem.path == path
    assert words in problem.message


def test_the_largest_budgets_that_an_image_can_need_are_taken() -> None:
    trial(attack={"name": "ifgsm", "eps": 1})
    trial(attack={"name": "fgsm", "eps": 2, "eps_space": "normalized"})
    trial(dataset=SMALL, attack={**LONG, "eps": 8})


def test_the_network_of_a_trial_answers_by_the_lambda_of_its_last_training() -> None:
    def train(reference: float) -> dict[str, Any]:
        attack = {"name": "fgsm", "eps": 0.1}
        return {**TRAIN, "objective": {"name": "oat", "reference": reference, "attack": attack}}

    found = trial(train=train(0.2), finetune=train(0.4))
    assert found.condition is not None
    assert found.condition.document() == {"lambda": 0.4}
    asked = trial(train=train(0.2), finetune=train(0.4), condition={"lambda": 0.3})
    assert asked.condition is not None
    assert asked.condition.document() == {"lambda": 0.3}
    assert trial().condition is None
