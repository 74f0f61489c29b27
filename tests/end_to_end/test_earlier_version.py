"""A storage that version 0.1.0 left half finished is read and continued.

`data/storage_0_1_0.zip` is what commit 68acabf left of the space below:

    advsweep launch --space half_finished.yaml --wandb disabled

The driver, its Ray and its workers were killed (`kill -9`) when two trials were finished and the adversarial
fine-tuning of the other two had stored its epoch 19 of 40. Nothing in the archive was changed afterwards; a new archive
stands beside it whenever the format of the storage changes, and this one stays.
"""

from __future__ import annotations

import json
import os
import time
import zipfile
from pathlib import Path

import pytest

from tasks.data.settings import DatasetSettings
from tasks.keys import hash_text
from tasks.models.settings import ModelSettings
from tasks.stages.context import Context
from tasks.stages.run import run_stages
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import open_storage
from tasks.training.settings import AdversarialFinetuneSettings
from tasks.trial.chain import Stage
from tests.support.command_line import run_here
from tests.support.harness import ONE, advsweep, ended, executions, nothing_ran_after_it_was_finished, rows

ARCHIVE = Path(__file__).parent / "data" / "storage_0_1_0.zip"
SWEEP = "half_finished-498acfbc99"
HALF_TRAINED = "738a07f70ad924c53dce6924e67506e88fbf42fd0a4049dca33213a4b58a3f8d"
SPACE = """
description: a sweep that an earlier version left half finished
dataset: {name: digits, image_size: 8, train_examples: 100, split: {test: 0.1}}
model: {name: resnet8}
train: {epochs: 2, batch_size: 50, optimizer: {name: sgd, lr: 0.1, momentum: 0.9}}
prune: {ratio: 0.75, mode: remove, scope: all}
adversarial_finetune:
  lambda: {grid_search: [0, 0.5]}
  epochs: 40
  batch_size: 20
  optimizer: {name: sgd, lr: 0.02, momentum: 0.9}
  attack: {name: ifgsm, eps: 16/255, steps: 4}
attack: {name: ifgsm, eps: 16/255, steps: {grid_search: [2, 5]}}
"""


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(tmp_path / "storage")
    for beat in tmp_path.glob("storage/sweeps/*/drivers/*.json"):
        os.utime(beat, (time.time() - 24 * 3600,) * 2)  # unpacked now, but no sign that the driver lives
    return tmp_path / "storage"


def test_its_state_is_shown(storage: Path) -> None:
    (found,) = json.loads(run_here("status", "--storage", storage, "--json").stdout)
    assert (found["state"], found["trials"], found["finished"], found["failed"]) == ("stopped", 4, 2, 0)
    assert (found["missing"], found["stages"], found["stages_stored"]) == (2, 8, 5)


@pytest.mark.slow
def test_its_results_are_shown(storage: Path) -> None:
    shown = run_here("results", SWEEP, "--storage", storage, "--long").stdout
    assert [line.split()[3:7] for line in shown.splitlines() if " % " in line] == [
        ["81.11", "%", "60.56", "%"],
        ["81.11", "%", "29.44", "%"],
    ]
    counted = "select t.robust_correct, count(*) filter (e.robust) as counted from trials t join examples e "
    counted += "on e.stage_key = t.attack_key group by all order by 1"
    asked = run_here("results", SWEEP, "--storage", storage, "--sql", counted, "--format", "json").stdout
    assert json.loads(asked) == [
        {"robust_correct": 53, "counted": 53},
        {"robust_correct": 109, "counted": 109},
    ]


def test_its_trials_are_explained(storage: Path) -> None:
    finished = next(row["trial_id"] for row in rows(storage))
    shown = run_here("explain", finished, "--storage", storage).stdout
    assert shown.count("computed by this sweep at 2026-11-26T00:5") == 4
    plan = json.loads((storage / "sweeps" / SWEEP / "plan.json").read_text())
    missing = next(trial["trial_id"] for trial in plan["trials"] if HALF_TRAINED in trial["stages"])
    shown = run_here("explain", missing, "--storage", storage).stdout
    assert "must run: the nearest stored adversarial_finetune differs in settings." in shown
    assert "settings.lambda: 0.0 -> 0.5" in shown


@pytest.mark.slow
def test_the_stage_that_it_was_training_is_continued(storage: Path) -> None:
    """Its key is that of the settings as they were written then: four steps of a quarter of the budget each."""
    identity = json.loads((storage / "sweeps" / SWEEP / "plan.json").read_text())["stages"][HALF_TRAINED]
    settings = AdversarialFinetuneSettings.model_validate(identity["settings"])
    upstream, dataset = identity["upstream"], DatasetSettings.model_validate(identity["dataset"])
    model = ModelSettings(name="resnet8")
    stage = Stage(
        "adversarial_finetune", HALF_TRAINED, identity["seed"], dataset, identity["data"], model, settings, upstream
    )
    assert hash_text(stage.identity_text) == HALF_TRAINED
    (record,) = run_stages([stage], Context(StageStore(open_storage(str(storage))), None, "cpu"))
    assert record["resumed_from"] == 20


@pytest.mark.cluster
@pytest.mark.slow
def test_what_it_computed_is_reused_and_reported(storage: Path, tmp_path: Path) -> None:
    """All but two steps of evaluation and four of training, whose size is another since."""
    space = tmp_path / "half_finished.yaml"
    space.write_text(SPACE)
    before = ended(storage)
    assert before.keys() == {folder.name for folder in (storage / "stages").iterdir()}
    shown = advsweep("launch", "--space", space, "--storage", storage, *ONE).stdout
    assert "4 trials, 0 finished, 4 to do: 4 stages in 4 jobs, 4 stages reused" in shown
    nothing_ran_after_it_was_finished(storage)
    started = {entry["key"] for entry in executions(storage)[-8:] if entry["event"] == "start"}
    assert not started & before.keys()
    (sweep,) = {row["sweep_id"] for row in rows(storage)} - {SWEEP}
    assert [row["status"] for row in rows(storage) if row["sweep_id"] == sweep] == ["finished"] * 4
    advsweep("report", SWEEP, sweep, "--storage", storage)
