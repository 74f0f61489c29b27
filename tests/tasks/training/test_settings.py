"""Settings of training: what does not fit together is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tasks.settings_problems import describe_problems
from tasks.trial.trial import Trial
from tests.support.small import trial
from tests.support.training import (
    FGSM,
    TRAIN,
)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"keep": "best_loss"}, "train.keep = 'best_loss': needs dataset.split.validation above 0"),
        ({"validation_attack": FGSM}, "train.validation_attack.name = 'fgsm': needs dataset.split.validation above 0"),
        ({"keep": "best_robust_accuracy"}, "train.keep = 'best_robust_accuracy': needs validation_attack"),
    ],
)
def test_a_choice_without_a_validation_part_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        trial(train={**TRAIN, **fields})
    assert list(map(str, describe_problems(caught.value, Trial, ""))) == [message]


def test_the_steps_of_training_and_of_validation_are_written_out() -> None:
    three = {"name": "ifgsm", "eps": 0.06, "steps": 3}
    held_out = {"name": "digits", "train_examples": 100, "split": {"validation": 0.5}}
    ensemble = {"attack": three, "surrogates": [{"model": {"name": "resnet8"}}]}
    mixed = {"lambda": 1, "attack": three, "validation_attack": three, "ensemble": ensemble}
    found = trial(dataset=held_out, adversarial_finetune={**TRAIN, **mixed}).document()["adversarial_finetune"]
    assert found["attack"]["step_size"] == found["ensemble"]["attack"]["step_size"] == pytest.approx(0.05)
    assert found["validation_attack"]["step_size"] == pytest.approx(0.02)
    named = trial(train={**TRAIN, "objective": {"name": "adversarial", "lambda": 1, "attack": three}})
    assert named.document()["train"]["objective"]["attack"]["step_size"] == pytest.approx(0.05)


def test_milestones_stand_in_their_order() -> None:
    with pytest.raises(ValidationError) as caught:
        trial(train={**TRAIN, "schedule": {"name": "multistep", "milestones": [2, 1]}})
    said = "train.schedule.milestones = [2, 1]: milestones are epochs in ascending order"
    assert list(map(str, describe_problems(caught.value, Trial, ""))) == [said]
