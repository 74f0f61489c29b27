"""The training loop: resume to the bit, no pickle, honest failure."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

from tasks.errors import StageError
from tasks.stages.context import Context
from tasks.stages.run import run_stages as run_stages
from tasks.training.checkpoint import TrainingProgress
from tasks.training.schedules import CosineSettings, MultistepSettings
from tasks.trial.chain import Stage
from tests.support.checkout import ROOT
from tests.support.small import SGD, context, run, stages_of, trial, weights

ADAM = {"name": "adam", "lr": 0.01, "weight_decay": 1e-3}
ATTACK = {"name": "pgd", "eps": 0.05, "steps": 2}
AUGMENTED = {"name": "digits", "train_examples": 150, "augment": {"flip": True, "crop": 1}}

CONTINUE = """
import json, sys
from pathlib import Path
from tests.support.small import context, run, trial
records = run(trial(**json.loads(sys.argv[1])), context(Path(sys.argv[2])))
print(json.dumps([record.get("resumed_from") for record in records]))
"""
"""Run a trial in a new process; print from which epoch each stage was continued."""


class _StoppedError(Exception):
    """Stands for a kill between two epochs."""


def interrupted(sections: dict[str, Any], folder: Path, kind: str, epoch: int) -> None:
    """Run a trial and break off after this epoch of this stage."""

    def stop(stage: Stage, finished: int) -> None:
        if (stage.kind, finished) == (kind, epoch):
            raise _StoppedError

    at = context(folder)
    with pytest.raises(_StoppedError):
        run(trial(**sections), Context(at.store, None, "cpu", on_epoch=stop))


def final_weights(sections: dict[str, Any], folder: Path) -> dict[str, torch.Tensor]:
    at = context(folder)
    return weights(run(trial(**sections), at)[-2], at)


@pytest.mark.slow
@pytest.mark.parametrize("epoch", [1, 2])
@pytest.mark.parametrize("optimizer", [SGD, ADAM], ids=["sgd", "adam"])
@pytest.mark.parametrize("kind", ["train", "adversarial_finetune"])
def test_a_new_process_continues_bit_for_bit(
    tmp_path: Path, kind: str, optimizer: dict[str, object], epoch: int
) -> None:
    training = {"epochs": 3, "batch_size": 50, "optimizer": optimizer, "schedule": {"name": "cosine"}}
    sections: dict[str, Any] = {"dataset": AUGMENTED, "train": {**training, "epochs": 1}}
    sections[kind] = training | ({"lambda": 0.5, "attack": ATTACK} if kind == "adversarial_finetune" else {})
    interrupted(sections, tmp_path / "killed", kind, epoch)
    command = [sys.executable, "-c", CONTINUE, json.dumps(sections), str(tmp_path / "killed")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    assert epoch in json.loads(done.stdout.splitlines()[-1])
    expected, found = (final_weights(sections, tmp_path / at) for at in ("whole", "killed"))
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_the_best_epoch_survives_an_interruption(tmp_path: Path) -> None:
    spoilt = {"name": "multistep", "milestones": [1], "gamma": 1000.0}
    training = {"epochs": 3, "batch_size": 50, "optimizer": {"name": "sgd", "lr": 0.05}, "schedule": spoilt}
    held_out = {"name": "digits", "train_examples": 200, "split": {"validation": 0.25}}
    sections: dict[str, Any] = {"dataset": held_out, "train": {**training, "keep": "best_loss"}}
    interrupted(sections, tmp_path / "killed", "train", 2)
    expected, found = (final_weights(sections, tmp_path / at) for at in ("whole", "killed"))
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert run(trial(**sections), context(tmp_path / "killed"))[0]["metrics"]["epoch"] == 0


def test_a_checkpoint_that_is_cut_short_starts_the_stage_anew(tmp_path: Path) -> None:
    sections = {"train": {"epochs": 2, "batch_size": 50, "optimizer": SGD}}
    interrupted(sections, tmp_path, "train", 1)
    (checkpoint,) = (tmp_path / "checkpoints").iterdir()
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    assert run(trial(**sections), context(tmp_path))[0]["resumed_from"] == 0
    assert not checkpoint.exists()


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam])
def test_a_checkpoint_holds_dropout_momentum_and_random_states(kind: Any) -> None:
    def fresh() -> TrainingProgress:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2))
        extra = {"momentum": 0.9} if kind is torch.optim.SGD else {}
        return TrainingProgress(model, kind(model.parameters(), lr=0.1, **extra), torch.Generator().manual_seed(1), [])

    def step(progress: TrainingProgress) -> None:
        loss = progress.model(torch.randn(16, 4, generator=progress.draw)).square().mean()
        progress.optimizer.zero_grad()
        loss.backward()
        progress.optimizer.step()

    one = fresh()
    step(one)
    saved: dict[str, bytes] = {}

    class Memory:
        def write(self, name: str, content: bytes) -> None:
            saved[name] = content

    one.save(Memory(), "here")  # type: ignore[arg-type]
    step(one)
    other = fresh()
    other.restore(saved["here"])
    step(other)
    expected, found = one.model.state_dict(), other.model.state_dict()
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_nothing_is_pickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("pickle was used")

    for name in ("dump", "dumps", "load", "loads", "Pickler", "Unpickler"):
        monkeypatch.setattr(f"pickle.{name}", refuse)
    interrupted({"train": {"epochs": 2, "batch_size": 50, "optimizer": SGD}}, tmp_path, "train", 1)
    run(trial(train={"epochs": 2, "batch_size": 50, "optimizer": SGD}), context(tmp_path))


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


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (CosineSettings(), {0: 1.0, 20: 0.5, 40: 0.0}),
        (CosineSettings(warmup=0.5), {20: 1.0, 40: 0.0}),
        (MultistepSettings(milestones=(1, 3)), {9: 1.0, 10: 0.1, 29: 0.1, 30: 0.01}),
    ],
)
def test_schedules(schedule: Any, expected: dict[int, float]) -> None:
    for step, factor in expected.items():
        assert schedule.factor(step, 10, 4) == pytest.approx(factor, abs=1e-9)
