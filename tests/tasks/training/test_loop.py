"""The training loop: it learns, says how, and fails honestly."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tasks.errors import StageError
from tasks.stages.run import run_stages
from tests.support.small import context, run, stages_of, trial
from tests.support.training import (
    ADAM,
)


def test_a_loss_that_is_not_finite_fails_the_stage(tmp_path: Path) -> None:
    wild = {"epochs": 2, "batch_size": 50, "optimizer": {"name": "sgd", "lr": 1e30}}
    with pytest.raises(StageError, match="NaN or infinite in epoch 0: lower the learning rate"):
        run(trial(train=wild), context(tmp_path))


def test_training_learns_and_its_history_says_how(tmp_path: Path) -> None:
    sections = {
        "dataset": {"name": "digits", "split": {"validation": 0.2}},
        "train": {"epochs": 3, "batch_size": 50, "optimizer": ADAM},
    }
    at = context(tmp_path)
    (stage, _), records = stages_of(trial(**sections)), run(trial(**sections), at)
    history = pq.read_table(tmp_path / "stages" / stage.key / "history.parquet").to_pylist()
    assert [row["epoch"] for row in history] == [0, 1, 2]
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    assert history[-1]["validation_accuracy"] > 0.8
    assert records[0]["metrics"]["validation_accuracy"] == history[-1]["validation_accuracy"]


def test_a_batch_of_one_left_over_is_not_trained_on(tmp_path: Path) -> None:
    at = context(tmp_path)
    (stage, _) = stages_of(trial(dataset={"name": "digits", "train_examples": 51}))
    (record,) = run_stages([stage], at)
    assert record["metrics"]["epoch"] == 0
