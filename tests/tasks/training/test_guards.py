"""What is watched in training: robust validation, overfitting, the best epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from tasks.training.guards import find_best_epoch, find_collapsed_epoch, summarize_training
from tests.support.small import context, run, trial, weights
from tests.support.training import (
    HELD_OUT,
    TRAIN,
    final_weights,
    interrupted,
)


def test_robust_validation_stands_in_the_history(tmp_path: Path) -> None:
    guarded = {**TRAIN, "epochs": 2, "validation_attack": {"name": "ifgsm", "eps": 0.1, "steps": 2}}
    (record, _) = run(trial(dataset=HELD_OUT, train=guarded), context(tmp_path))
    rows = pq.read_table(tmp_path / "stages" / record["key"] / "history.parquet").to_pylist()
    assert all(0 <= row["robust_validation_accuracy"] <= row["validation_accuracy"] for row in rows)
    assert record["metrics"]["catastrophic_overfitting_epoch"] is None


def history(*robust: float | None) -> list[dict[str, Any]]:
    return [
        {"epoch": epoch, "robust_validation_accuracy": value, "validation_accuracy": 0.1 * epoch, "validation_loss": 1}
        for epoch, value in enumerate(robust)
    ]


@pytest.mark.parametrize(
    ("robust", "expected"),
    [
        ((0.2, 0.4, 0.45, 0.05), 3),
        ((0.2, 0.4, 0.3, 0.25), None),
        ((0.02, 0.0), None),
        ((None, None), None),
        ((0.5, 0.1, 0.5), 1),
    ],
)
def test_catastrophic_overfitting_is_a_sudden_fall(robust: tuple[float | None, ...], expected: int | None) -> None:
    assert find_collapsed_epoch(history(*robust)) == expected


def test_the_best_epoch_follows_the_policy() -> None:
    found = history(0.2, 0.5, 0.5)
    assert find_best_epoch(found, "last") == 2
    assert find_best_epoch(found, "best_robust_accuracy") == 1
    assert find_best_epoch(found, "best_accuracy") == 2
    assert find_best_epoch(found, "best_loss") == 0
    assert summarize_training(found, "best_robust_accuracy")["epoch"] == 1


def test_the_weights_of_the_best_epoch_are_published(tmp_path: Path) -> None:
    wild = {"name": "multistep", "milestones": [1], "gamma": 1000.0}
    spoiled = {**TRAIN, "epochs": 2, "optimizer": {"name": "sgd", "lr": 0.05}, "schedule": wild}
    at = context(tmp_path)
    kept = run(trial(dataset=HELD_OUT, train={**spoiled, "keep": "best_loss"}), at)[0]
    first = run(trial(dataset=HELD_OUT, train={**spoiled, "epochs": 1}), at)[0]
    assert kept["metrics"]["epoch"] == 0
    one, two = weights(kept, at), weights(first, at)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_the_best_epoch_survives_an_interruption(tmp_path: Path) -> None:
    spoilt = {"name": "multistep", "milestones": [1], "gamma": 1000.0}
    training = {"epochs": 3, "batch_size": 50, "optimizer": {"name": "sgd", "lr": 0.05}, "schedule": spoilt}
    held_out = {"name": "digits", "train_examples": 200, "split": {"validation": 0.25}}
    sections: dict[str, Any] = {"dataset": held_out, "train": {**training, "keep": "best_loss"}}
    interrupted(sections, tmp_path / "killed", "train", 2)
    expected, found = (final_weights(sections, tmp_path / at) for at in ("whole", "killed"))
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert run(trial(**sections), context(tmp_path / "killed"))[0]["metrics"]["epoch"] == 0
