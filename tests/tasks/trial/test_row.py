"""The row of a trial: what training minimised, counts and rates."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.metrics import compute_wilson
from tasks.schema import TRIALS
from tasks.trial.row import complete_row, make_failed_row, make_finished_row
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


def make_record(seconds: float, started: str, finished: str, **metrics: Any) -> dict[str, Any]:
    return {
        "seconds": seconds,
        "device": f"device of {seconds:g}",
        "versions": {"torch": f"{seconds:g}"},
        "started_at": f"2026-01-01T{started}+00:00",
        "finished_at": f"2026-01-01T{finished}+00:00",
        "metrics": metrics,
    }


def test_a_finished_row_has_the_counts_of_its_attack_and_the_times_of_its_own_stages() -> None:
    surrogate = {"model": {"name": "resnet8"}, "train": {**TRAIN, "epochs": 2}}
    attack = {"name": "fgsm", "eps": 0.1, "examples": 50, "surrogate": surrogate}
    asked = trial(prune={"ratio": 0.3}, attack=attack)
    chain = stages_of(asked)
    other, train, prune, judged = chain
    counts = {"examples": 50, "clean_correct": 40, "robust_correct": 10, "classes": 10, "parameters": 9, "macs": 7}
    records = {
        other.key: make_record(1.0, "10:00:00", "10:05:00"),
        train.key: make_record(2.0, "11:00:00", "11:05:00"),
        judged.key: make_record(4.0, "12:00:00", "12:05:00", **counts, nonzero_parameters=8),
    }
    found = make_finished_row(asked, chain, records)
    assert (found["clean_accuracy"], found["robust_accuracy"], found["attack_success_rate"]) == (0.8, 0.2, 0.75)
    low, high = compute_wilson(30, 40)
    assert (found["attack_success_rate_low"], found["attack_success_rate_high"]) == (low, high)
    assert (found["robust_accuracy_low"], found["robust_accuracy_high"]) == compute_wilson(10, 50)
    assert (found["train_seconds"], found["prune_seconds"], found["attack_seconds"]) == (2.0, None, 4.0)
    assert (found["train_key"], found["prune_key"], found["attack_key"]) == (train.key, prune.key, judged.key)
    assert (found["started_at"].hour, found["finished_at"].hour) == (10, 12)
    assert (found["device"], found["versions"]) == ("device of 4", '{"torch": "4"}')
    assert (found["parameters"], found["nonzero_parameters"], found["macs"]) == (9, 8, 7)
    assert (found["status"], found["attack_surrogate"], found["pruning_ratio"]) == ("finished", "resnet8", 0.3)


def test_a_model_that_is_never_right_has_no_rate_of_successful_attacks() -> None:
    asked = trial()
    chain = stages_of(asked)
    counts = {"examples": 50, "clean_correct": 0, "robust_correct": 0, "parameters": 1, "nonzero_parameters": 1}
    record = make_record(1.0, "10:00:00", "10:05:00", **counts, macs=1)
    found = make_finished_row(asked, chain, {stage.key: record for stage in chain})
    assert found["attack_success_rate"] is found["attack_success_rate_low"] is None
    assert found["clean_accuracy"] == 0.0
