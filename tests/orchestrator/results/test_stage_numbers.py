"""Numbers of stages: each stage once, and its epochs from one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from orchestrator.results import stage_numbers
from orchestrator.results.stage_numbers import StageNumbers
from tasks import paths
from tasks.schema import EXAMPLES, HISTORY

LOSSES: dict[str, dict[int, float | None]] = {"t1": {0: 2.5, 1: 1.5}, "t2": {1: 0.5, 0: 3.5}, "f1": {0: None, 1: 7.0}}
"""Stage -> epoch from zero -> loss."""
CONFIDENCES = {"a1": [0.25, 0.75], "a2": [0.5]}
ROWS: list[dict[str, Any]] = [
    {"attack_key": "a1", "train_key": "t1", "finetune_key": "f1"},
    {"attack_key": "gone", "train_key": "t2", "finetune_key": None},
    {"attack_key": "a2", "train_key": "t1", "finetune_key": "gone"},
]


@pytest.fixture
def numbers(monkeypatch: pytest.MonkeyPatch) -> StageNumbers:
    loaded: list[tuple[str, str]] = []

    def load(store: Any, key: str, name: str, schema: pa.Schema) -> pa.Table | None:
        assert store == "the store"
        assert (key, name) not in loaded, "read once"
        loaded.append((key, name))
        assert schema == {paths.HISTORY: HISTORY, paths.EXAMPLES: EXAMPLES}[name]
        if name == paths.HISTORY and key in LOSSES:
            return pa.table({"epoch": list(LOSSES[key]), "train_loss": list(LOSSES[key].values())})
        if name == paths.EXAMPLES and key in CONFIDENCES:
            return pa.table({"clean_confidence": pa.array(CONFIDENCES[key], pa.float32())})
        return None

    monkeypatch.setattr(stage_numbers, "load_stage_table", load)
    return StageNumbers("the store")  # type: ignore[arg-type]


def test_an_epoch_is_counted_from_one_and_a_stage_that_trials_share_once(numbers: StageNumbers) -> None:
    assert numbers.read_epoch(ROWS, "train", 1, "train_loss") == [2.5, 3.5]
    assert numbers.read_epoch(ROWS, "train", 2, "train_loss") == [1.5, 0.5]
    assert numbers.read_epoch(ROWS, "train", 3, "train_loss") == []
    assert numbers.read_epoch(ROWS, "finetune", 1, "train_loss") == [], "what is null is no number"
    assert numbers.read_epoch(ROWS, "finetune", 2, "train_loss") == [7.0]


def test_images_are_those_of_each_trial_that_can_be_read(numbers: StageNumbers) -> None:
    for _ in range(2):
        found = numbers.read_images(ROWS, "clean_confidence")
        assert [array.tolist() for array in found] == [[0.25, 0.75], [0.5]]
        assert {array.dtype for array in found} == {np.dtype(np.float64)}
