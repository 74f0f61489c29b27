"""What is tried against a verdict."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.verify.cells import REMEDIES, list_remedies
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


PGD = {"name": "pgd", "eps": "8/255", "steps": 6, "step_size": "2/255", "stop_when_fooled": False, "examples": 20,
       "only_correct": True}  # fmt: skip


@pytest.mark.parametrize(
    ("check", "changes", "words"),
    [
        ("budget reached", {}, ["take more steps: pgd", "restart: pgd", "take another loss: apgd_t"]),
        ("end of its curve", {"restarts": 5}, ["take more steps: pgd", "take another loss: apgd_t"]),
        ("attack has converged", {"restarts": 4},
         ["take more steps: pgd", "restart: pgd", "take another loss: apgd_t"]),
        ("another loss finds no more", {}, ["take another loss: apgd_t", "take more steps: pgd"]),
        ("restarts", {}, ["restart: pgd", "take another loss: apgd_t"]),
        ("no silent success", {}, ["keep the best: pgd"]),
        ("no silent success", {"stop_when_fooled": True}, []),
        ("adaptive attack", {"adaptive": True}, []),
        ("deterministic", {}, ["average looks: autoattack"]),
        ("no catastrophic overfitting", {}, ["take more steps: pgd", "take another loss: apgd_t"]),
        ("iterative >= single step", {}, ["take more steps: pgd", "do without gradients: square",
                                          "take another loss: apgd_t", "transfer: pgd"]),
        ("gradients present", {}, ["do without gradients: square", "take another loss: apgd_t", "transfer: pgd"]),
        ("clean accuracy above chance", {}, []),
        ("attack known", {}, []),
    ],
)  # fmt: skip
def test_what_would_settle_a_check_the_cheapest_first(check: str, changes: dict[str, Any], words: list[str]) -> None:
    assert list(list_tried(check, {**PGD, **changes})) == words


def test_a_remedy_changes_what_it_is_called_by_and_no_more() -> None:
    own = small.trial(attack=PGD).attack.document()
    tried = list_tried("budget reached", PGD)
    assert tried["take more steps: pgd"] == {**own, "steps": 24, "step_size": None}
    assert tried["restart: pgd"] == {**own, "restarts": 5}
    assert list_tried("no silent success", PGD)["keep the best: pgd"] == {**own, "stop_when_fooled": True}
    shared = {"norm": "linf", "eps": own["eps"], "examples": 20, "only_correct": True, "eps_space": "pixel",
              "batch_size": own["batch_size"]}  # fmt: skip
    assert tried["take another loss: apgd_t"] == {**shared, "name": "apgd_t"}
    averaged = list_tried("deterministic", PGD)["average looks: autoattack"]
    assert averaged == {**shared, "name": "autoattack", "version": "rand"}


@pytest.mark.parametrize(
    "attack",
    [PGD, {**PGD, "only_correct": False, "adaptive": False}, {"name": "apgd_ce", "eps": "8/255", "examples": 20}],
)
def test_whatever_is_tried_attacks_the_images_that_were_attacked(attack: dict[str, Any]) -> None:
    own = small.trial(attack=attack).attack.document()
    tried = [section for check in [*REMEDIES, "gradients present"] for section in list_tried(check, attack).values()]
    assert len(tried) > 10
    for section in tried:
        assert (section["examples"], section["only_correct"]) == (20, own["only_correct"])


def test_what_several_checks_ask_for_is_tried_once_in_the_order_of_the_first() -> None:
    found = list_remedies(["restarts", "clean accuracy above chance", "budget reached"], small.trial(attack=PGD))
    assert list(found) == ["restart: pgd", "take another loss: apgd_t", "take more steps: pgd"]


def test_the_transformations_before_a_model_are_seen_by_an_attack_that_did_not() -> None:
    inference = {"transformations": [{"name": "bit_depth", "bits": 4}]}
    tried = list_tried("adaptive attack", {**PGD, "adaptive": False}, inference=inference)
    assert [(words, section["adaptive"]) for words, section in tried.items()] == [("see the defence: pgd", True)]
