"""What is watched in training: robust validation, overfitting, the best epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from tasks.training.guards import choose_probe, find_best_epoch, find_collapsed_epoch, summarize_training
from tasks.training.settings import TrainSettings
from tasks.trial.row import make_finished_row
from tests.support.small import FEW, context, run, stages_of, trial, weights
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
        ((0.5, 0.3, 0.2), 2),
    ],
)
def test_catastrophic_overfitting_is_a_sudden_fall(robust: tuple[float | None, ...], expected: int | None) -> None:
    assert find_collapsed_epoch(history(*robust)) == expected


@pytest.mark.parametrize(
    ("probed", "trained", "expected"),
    [
        ((0.3, 0.4, 0.02), (0.35, 0.45, 0.9), 2),
        ((0.3, 0.4, 0.02), (0.35, 0.45, 0.1), None),
        ((0.3, 0.4, 0.35), (0.35, 0.45, 0.9), None),
    ],
)
def test_a_fall_on_training_images_counts_where_accuracy_on_their_examples_has_not_fallen(
    probed: tuple[float, ...], trained: tuple[float, ...], expected: int | None
) -> None:
    """Where both fall, it is the learning rate, not an attack that was learnt by heart."""
    entries = [
        {"epoch": epoch, "robust_train_accuracy": one, "train_accuracy": other}
        for epoch, (one, other) in enumerate(zip(probed, trained, strict=True))
    ]
    assert find_collapsed_epoch(entries) == expected


@pytest.mark.parametrize(
    ("objective", "probed"),
    [
        ({"name": "n_fgsm", "eps": "8/255"}, {"norm": "linf", "eps": 8 / 255}),
        ({"name": "adversarial", "lambda": 1, "attack": {"name": "fgsm", "eps": 0.5, "norm": "l2"}}, {"norm": "l2"}),
        ({"name": "adversarial", "lambda": 1, "attack": {"name": "pgd", "eps": 0.1}}, None),
        ({"name": "standard"}, None),
    ],
)
def test_training_on_a_single_step_is_probed_by_many(objective: dict[str, Any], probed: dict[str, Any] | None) -> None:
    probe = choose_probe(TrainSettings.model_validate({**TRAIN, "objective": objective}))
    assert (probe is None) == (probed is None)
    if probe and probed:
        assert (probe.name, probe.reported_steps) == ("pgd", 10)
        assert {name: getattr(probe, name) for name in probed} == probed


def test_the_probe_stands_in_the_history_and_in_the_row(tmp_path: Path) -> None:
    asked = trial(dataset=FEW, train={**TRAIN, "epochs": 2, "objective": {"name": "fgsm_rs", "eps": "8/255"}})
    (record, _) = run(asked, context(tmp_path))
    rows = pq.read_table(tmp_path / "stages" / record["key"] / "history.parquet").to_pylist()
    assert all(0 <= row["robust_train_accuracy"] <= 1 for row in rows)
    chain = stages_of(asked)
    records = run(asked, context(tmp_path))
    row = make_finished_row(asked, chain, {found["key"]: found for found in records})
    assert row["robust_train_accuracy"] == rows[-1]["robust_train_accuracy"]
    assert row["catastrophic_overfitting_epoch"] is None
    assert row["train_attack"] == "fgsm"


def test_the_best_epoch_follows_the_policy() -> None:
    found = history(0.2, 0.5, 0.5)
    assert find_best_epoch(found, "last") == 2
    assert find_best_epoch(found, "best_robust_accuracy") == 1
    assert find_best_epoch(found, "best_accuracy") == 2
    assert find_best_epoch(found, "best_loss") == 0
    assert summarize_training(found, "best_robust_accuracy")["epoch"] == 1


def test_the_best_loss_is_the_lowest_and_of_equals_the_first_counts() -> None:
    found = [
        {"validation_loss": loss, "validation_accuracy": share} for loss, share in ((0.9, 0.6), (0.4, 0.8), (0.4, 0.8))
    ]
    assert find_best_epoch(found, "best_loss") == 1
    assert find_best_epoch(found, "best_accuracy") == 1


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
    sections: dict[str, Any] = {"dataset": HELD_OUT, "train": {**training, "keep": "best_loss"}}
    interrupted(sections, tmp_path / "killed", "train", 2)
    expected, found = (final_weights(sections, tmp_path / at) for at in ("whole", "killed"))
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert run(trial(**sections), context(tmp_path / "killed"))[0]["metrics"]["epoch"] == 0
