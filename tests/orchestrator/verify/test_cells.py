"""What is tried against a verdict."""

from __future__ import annotations

from typing import Any

from orchestrator.verify.cells import list_remedies
from tests.support import small

IFGSM = {"name": "ifgsm", "eps": "8/255", "steps": 5, "examples": 20}


def list_tried(check: str, attack: dict[str, Any], **sections: Any) -> dict[str, dict[str, Any]]:
    return list_remedies([check], small.trial(attack=attack, **sections))


def test_masked_gradients_are_told_by_the_examples_of_another_model_too_which_comes_last() -> None:
    tried = list_tried("no flat curve", IFGSM)
    assert list(tried)[-1] == "transfer: ifgsm"
    made = small.trial(attack=tried["transfer: ifgsm"])
    surrogate = made.attack.surrogate
    assert surrogate is not None
    assert surrogate.train is not None
    assert surrogate.train.epochs == 1
    kinds = [stage.kind for stage in small.stages_of(made)]
    assert kinds == ["train", "train", "attack"]
    assert small.stages_of(made)[1] == small.stages_of(small.trial(attack=IFGSM))[0], "the model is the trial's own"


def test_there_is_no_transfer_from_a_model_that_nothing_trains_nor_twice() -> None:
    assert "transfer: ifgsm" not in list_tried("no flat curve", IFGSM, train=None)
    tried = list_tried("no flat curve", IFGSM)
    assert "transfer: ifgsm" not in list_tried("no flat curve", tried["transfer: ifgsm"])
    assert not list_tried("witness keeps the label", IFGSM)
