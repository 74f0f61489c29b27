"""Accuracy and loss over the epochs, by group."""

from __future__ import annotations

from typing import Any

from orchestrator.report.analysis.study import Study
from orchestrator.report.analysis.training_curves import SHARED, list_training_curves


def epoch(stage: str, key: str, number: int, **measures: float) -> dict[str, Any]:
    names = ("train_accuracy", "validation_accuracy", "robust_validation_accuracy", "train_loss", "validation_loss")
    return {"stage": stage, "stage_key": key, "epoch": number, **dict.fromkeys(names), **measures}


def test_a_stage_belongs_to_the_group_of_the_models_that_are_built_on_it(made_study: Study) -> None:
    tuned = [row for row in made_study.rows if row["lambda"] == 0.5 and row["eps_train"] > 0.05]
    keys = sorted({row["adversarial_finetune_key"] for row in tuned})
    history = [
        epoch("train", tuned[0]["train_key"], 0, train_accuracy=0.25, train_loss=2.0),
        *(epoch("adversarial_finetune", key, 1, train_accuracy=0.5 + 0.1 * n) for n, key in enumerate(keys)),
        epoch("train", "of another study", 0, train_accuracy=1.0),
        epoch("train", tuned[0]["train_key"], 1, train_accuracy=float("nan")),
    ]
    found = list_training_curves(made_study, history)
    assert [(row["stage"], row["g"], row["kind"], row["metric"], row["epoch"], row["mean"]) for row in found] == [
        ("adversarial_finetune", "0.5, 24/255", "accuracy", "train", 2, 0.5 + 0.05 * (len(keys) - 1)),
        ("train", SHARED, "accuracy", "train", 1, 0.25),
        ("train", SHARED, "loss", "train", 1, 2.0),
    ]
    assert (found[0]["low"], found[0]["high"], found[0]["stages"]) == (0.5, round(0.4 + 0.1 * len(keys), 5), len(keys))
