"""Two trials image by image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.results import compare_trials
from orchestrator.store.sweep_store import find_trial
from tasks.errors import UsageError
from tasks.storage.storage import Storage, open_storage
from tests.support.harness import advsweep
from tests.support.report_data import WITHOUT_TUNING, made_up


@pytest.mark.slow
def test_two_trials_compare_image_by_image(tmp_path: Path) -> None:
    sweep = made_up(tmp_path, WITHOUT_TUNING)
    rows = [row for row in sweep.rows() if row["seed"] == 0 and row["attack_steps"] == 10]
    weak, strong = (min(rows, key=lambda row: row["robust_correct"]), max(rows, key=lambda row: row["robust_correct"]))
    shown = json.loads(
        advsweep("compare", strong["trial_id"], weak["trial_id"], "--storage", tmp_path, "--json").stdout
    )
    robust = shown["measures"][1]
    lead = strong["robust_correct"] - weak["robust_correct"]
    assert (robust["only_first"], robust["only_second"]) == (lead, 0)
    assert robust["difference"] == pytest.approx(lead / 120)
    assert robust["low"] < robust["difference"] < robust["high"]
    assert robust["p"] < 0.001
    budgets = [strong["attack_eps"], weak["attack_eps"]]
    assert shown["differences"] == {"attack_eps": budgets}
    lines = advsweep("compare", strong["trial_id"], strong["trial_id"], "--storage", tmp_path).stdout
    assert "noise" in lines
    assert "there is no trial 'ffff'" in advsweep("compare", "ffff", "0000", "--storage", tmp_path, code=2).stderr


def test_trials_on_different_test_images_are_not_compared(tmp_path: Path) -> None:
    larger = {**WITHOUT_TUNING, "dataset": {"name": "digits", "image_size": 16, "split": {"test": 0.3}}}
    contents = {"first": WITHOUT_TUNING, "second": larger}
    sweeps = [made_up(tmp_path, content, name, images=False) for name, content in contents.items()]
    trials = [sweep.rows()[0]["trial_id"] for sweep in sweeps]
    assert "different test splits" in advsweep("compare", *trials, "--storage", tmp_path, code=2).stderr


def test_images_of_other_data_are_not_paired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same settings, and files that have changed between two sweeps."""
    rows = made_up(tmp_path, WITHOUT_TUNING).rows()
    first, second = (row["trial_id"] for row in rows[:2])

    def find_changed(storage: Storage, name: str) -> Any:
        sweep, keys, stages = find_trial(storage, name)
        changed = {key: {**stage, "data": "f" * 64} for key, stage in stages.items()}
        return sweep, keys, changed if name == second else stages

    compare_trials.compare_trials(open_storage(tmp_path), first, second)
    monkeypatch.setattr(compare_trials, "find_trial", find_changed)
    with pytest.raises(UsageError, match="different test splits"):
        compare_trials.compare_trials(open_storage(tmp_path), first, second)
