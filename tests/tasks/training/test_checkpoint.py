"""Checkpoints: a stage continues to the bit, and nothing is pickled."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

from tasks.training.averages import EmaSettings
from tasks.training.averaging import WeightAverage
from tasks.training.checkpoint import TrainingProgress
from tests.support.children import run_in_child
from tests.support.small import FEW, SGD, context, run, trial
from tests.support.training import (
    ADAM,
    final_weights,
    interrupted,
)

ATTACK = {"name": "pgd", "eps": 0.05, "steps": 2}
AUGMENTED = {"name": "digits", "train_examples": 150, "augment": {"flip": True, "crop": 1}}

OPTIMIZERS = {"sgd": SGD, "adam": ADAM}


def make_sections(kind: str, optimizer: str) -> dict[str, Any]:
    """A trial whose stage of this kind has three epochs."""
    training = {"epochs": 3, "batch_size": 50, "optimizer": OPTIMIZERS[optimizer], "schedule": {"name": "cosine"}}
    sections: dict[str, Any] = {"dataset": AUGMENTED, "train": {**training, "epochs": 1}}
    sections[kind] = training | ({"lambda": 0.5, "attack": ATTACK} if kind == "adversarial_finetune" else {})
    return sections


@pytest.fixture(scope="module")
def train_whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], dict[str, torch.Tensor]]:
    """The weights with which nothing is broken off, once for each kind and optimizer."""

    @functools.cache
    def train(kind: str, optimizer: str) -> dict[str, torch.Tensor]:
        return final_weights(make_sections(kind, optimizer), tmp_path_factory.mktemp("whole"))

    return train


def continue_trial(sections: dict[str, Any], folder: Path) -> list[int | None]:
    """From which epoch each stage was continued."""
    return [record.get("resumed_from") for record in run(trial(**sections), context(folder))]


@pytest.mark.slow
@pytest.mark.parametrize("epoch", [1, 2])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kind", ["train", "adversarial_finetune"])
def test_a_new_process_continues_bit_for_bit(
    tmp_path: Path,
    kind: str,
    optimizer: str,
    epoch: int,
    train_whole: Callable[[str, str], dict[str, torch.Tensor]],
) -> None:
    """What the second process knows of the first is the checkpoint."""
    sections = make_sections(kind, optimizer)
    run_in_child(interrupted, sections, tmp_path, kind, epoch)
    assert epoch in run_in_child(continue_trial, sections, tmp_path)
    expected, found = train_whole(kind, optimizer), final_weights(sections, tmp_path)
    assert all(torch.equal(found[name], value) for name, value in expected.items())


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 3, 5])
@pytest.mark.parametrize(
    "objective",
    [{"name": "standard", "weight_averaging": {"name": "ema", "decay": 0.9}}, {"name": "n_fgsm", "eps": 0.05}],
)
def test_a_stage_goes_on_in_the_middle_of_an_epoch_bit_for_bit(
    tmp_path: Path, step: int, objective: dict[str, Any] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three batches an epoch; every step writes a checkpoint, and the process ends after one of them."""
    training = {"epochs": 2, "batch_size": 50, "optimizer": SGD, "schedule": {"name": "cosine"}, "objective": objective}
    sections: dict[str, Any] = {"dataset": AUGMENTED, "train": training}
    whole = final_weights(sections, tmp_path / "whole")
    saved = 0
    save = TrainingProgress.save

    def save_and_stop(progress: TrainingProgress, storage: Any, name: str) -> None:
        nonlocal saved
        save(progress, storage, name)
        saved += progress.partial is not None
        if saved == step:
            raise KeyboardInterrupt

    often = {**sections, "train": {**training, "checkpoint_every": 1e-9}}
    with monkeypatch.context() as patch:
        patch.setattr(TrainingProgress, "save", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            run(trial(**often), context(tmp_path / "killed"))
    (name,) = (tmp_path / "killed" / "checkpoints").iterdir()
    assert f'partial/steps\\": {step % 3 or 3}' in name.read_bytes()[:20_000].decode("latin-1")
    found = final_weights(sections, tmp_path / "killed")
    assert all(torch.equal(found[key], value) for key, value in whole.items())
    histories = [
        pq.read_table(next((tmp_path / at / "stages").glob("*/history.parquet"))) for at in ("whole", "killed")
    ]
    rows = [table.drop_columns(["seconds"]).to_pylist() for table in histories]
    assert rows[0] == rows[1]


def test_a_checkpoint_that_is_cut_short_starts_the_stage_anew(tmp_path: Path) -> None:
    sections = {"dataset": FEW, "train": {"epochs": 2, "batch_size": 50, "optimizer": SGD}}
    interrupted(sections, tmp_path, "train", 1)
    (checkpoint,) = (tmp_path / "checkpoints").iterdir()
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    assert run(trial(**sections), context(tmp_path))[0]["resumed_from"] == 0
    assert not checkpoint.exists()


def save_in_memory(progress: TrainingProgress) -> bytes:
    """What a checkpoint of it has."""
    saved: dict[str, bytes] = {}

    class Memory:
        def write(self, name: str, content: bytes) -> None:
            saved[name] = content

    progress.save(Memory(), "here")  # type: ignore[arg-type]
    return saved["here"]


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam])
def test_what_an_optimizer_keeps_has_the_strides_of_its_parameters_again(kind: Any) -> None:
    """CUDA's fused steps refuse any others, and a file has plain ones."""
    model = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    extra = {"momentum": 0.9} if kind is torch.optim.SGD else {}
    progress = TrainingProgress(model, kind(model.parameters(), lr=0.1, **extra), torch.Generator(), [])
    model(torch.ones(1, 3, 8, 8)).square().sum().backward()
    progress.optimizer.step()
    expected = {name: value.clone() for name, value in progress.optimizer.state[model.weight].items()}
    progress.restore(save_in_memory(progress))
    found = progress.optimizer.state[model.weight]
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert torch.equal(value, expected[name])
        assert value.dim() != 4 or value.stride() == model.weight.stride() == (27, 1, 9, 3)


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
    saved = save_in_memory(one)
    step(one)
    other = fresh()
    other.restore(saved)
    step(other)
    expected, found = one.model.state_dict(), other.model.state_dict()
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def make_progress(hidden: int, seed: int) -> TrainingProgress:
    """A net of two layers after one step of Adam, with the random numbers of a seed."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(2, hidden), nn.Linear(hidden, 2))
    progress = TrainingProgress(model, torch.optim.Adam(model.parameters()), torch.Generator().manual_seed(seed), [])
    model(torch.randn(3, 2, generator=progress.draw)).square().mean().backward()
    progress.optimizer.step()
    return progress


@pytest.mark.parametrize("differs", ["layers", "average", "cut short"])
def test_a_checkpoint_of_another_model_is_refused_and_changes_nothing(differs: str) -> None:
    """One without an average is found out when all the rest of it was taken over."""
    saved: list[bytes] = []

    class Memory:
        def write(self, _: str, content: bytes) -> None:
            saved.append(content)

    make_progress(4, 1).save(Memory(), "here")  # type: ignore[arg-type]
    other, untouched = (make_progress(5 if differs == "layers" else 4, 2) for _ in range(2))
    if differs == "average":
        other.average = WeightAverage(other.model, EmaSettings())
    message = "cannot be read" if differs == "cut short" else "is of another model"
    with pytest.raises(ValueError, match=f"the checkpoint {message}"):
        other.restore(saved[0][:100] if differs == "cut short" else saved[0])
    for found, wanted in ((other.model, untouched.model), (other.optimizer, untouched.optimizer)):
        expected = dict(list_tensors(wanted.state_dict()))
        assert all(torch.equal(value, expected[name]) for name, value in list_tensors(found.state_dict()))
    assert torch.equal(torch.rand(3, generator=other.draw), torch.rand(3, generator=untouched.draw))


def list_tensors(state: dict[Any, Any], before: str = "") -> list[tuple[str, torch.Tensor]]:
    """The tensors of a state by their names, however deep they stand."""
    found = []
    for name, value in state.items():
        found += list_tensors(value, f"{before}{name}/") if isinstance(value, dict) else []
        found += [(f"{before}{name}", value)] if isinstance(value, torch.Tensor) else []
    return found


def test_nothing_is_pickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("pickle was used")

    for name in ("dump", "dumps", "load", "loads", "Pickler", "Unpickler"):
        monkeypatch.setattr(f"pickle.{name}", refuse)
    sections = {"dataset": FEW, "train": {"epochs": 2, "batch_size": 50, "optimizer": SGD}}
    interrupted(sections, tmp_path, "train", 1)
    run(trial(**sections), context(tmp_path))


def test_an_objective_that_remembers_steps_is_saved_between_epochs_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[bool] = []
    save = TrainingProgress.save

    def note(progress: TrainingProgress, storage: Any, name: str) -> None:
        saved.append(progress.partial is None)
        save(progress, storage, name)

    monkeypatch.setattr(TrainingProgress, "save", note)
    training = {"epochs": 1, "batch_size": 50, "optimizer": SGD, "checkpoint_every": 1e-9}
    for objective in ({"name": "free", "eps": 0.05, "replays": 2}, {"name": "standard"}):
        run(trial(dataset=FEW, train={**training, "objective": objective}), context(tmp_path))
    assert saved == [True] + [False] * 2 + [True]
