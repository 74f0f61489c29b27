"""Checkpoints of generators: a training that is broken off goes on to the bit, also in the middle of an epoch."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from torch import Tensor

from tasks.errors import StageError
from tasks.generators.job import GeneratorJob
from tasks.stages import generator_progress
from tasks.stages.context import Context
from tasks.stages.generator_progress import GeneratorProgress
from tasks.storage.storage import open_storage
from tasks.storage.write_behind import WriteBehind
from tasks.trial.chain import Stage
from tests.support import small
from tests.support.attack_models import linear_images

SMALL = {"width": 4, "batch_size": 32}
ADVGAN = {"name": "advgan", "eps": 0.2, "examples": 10, "generator": {"name": "advgan", "epochs": 3, **SMALL}}
DENOISER = {
    "name": "diff_pgd", "eps": 0.2, "steps": 1, "examples": 10,
    "generator": {"name": "denoiser", "epochs": 3, **SMALL},
}  # fmt: skip
BOTH = pytest.mark.parametrize("attack", [ADVGAN, DENOISER], ids=["advgan", "denoiser"])


class _KilledError(Exception):
    """Stands for a kill."""


def train(attack: dict[str, Any], folder: Path, **settings: Any) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The record and the weights of the attack's generator; it goes on where it was broken off.

    Another process has another state of torch's own random numbers.
    """
    torch.manual_seed(hash(folder))
    at = small.context(folder)
    found = small.run(ask(attack, **settings), at)[-2]
    return found, small.weights(found, at)


def ask(attack: dict[str, Any], **settings: Any) -> Any:
    data = {"name": "digits", "train_examples": 100}
    return small.trial(dataset=data, attack={**attack, "generator": attack["generator"] | settings})


def kill_after_epoch(attack: dict[str, Any], folder: Path, epoch: int) -> None:
    def stop(stage: Stage, entry: dict[str, Any]) -> None:
        if stage.kind == "generator" and entry["epoch"] + 1 == epoch:
            raise _KilledError

    at = small.context(folder)
    with pytest.raises(_KilledError):
        small.run(ask(attack), Context(at.store, None, "cpu", on_epoch=stop))


@pytest.mark.slow
@BOTH
def test_a_generator_goes_on_after_an_epoch_to_the_bit(attack: dict[str, Any], tmp_path: Path) -> None:
    whole, expected = train(attack, tmp_path / "whole")
    kill_after_epoch(attack, tmp_path / "killed", 2)
    again, found = train(attack, tmp_path / "killed")
    assert (whole["resumed_from"], again["resumed_from"]) == (0, 2)
    assert all(found[name].equal(value) for name, value in expected.items())
    assert again["seconds"] >= again["training_seconds"] > 0
    assert not [*(tmp_path / "killed" / "checkpoints").iterdir()], "a finished stage has none"
    histories = [pq.read_table(next((tmp_path / at / "stages" / whole["key"]).glob("history*"))).to_pylist()
                 for at in ("whole", "killed")]  # fmt: skip
    timeless = [[{**entry, "seconds": 0} for entry in history] for history in histories]
    assert timeless[0] == timeless[1]


@pytest.mark.slow
@BOTH
def test_a_generator_goes_on_in_the_middle_of_an_epoch_to_the_bit(
    attack: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """100 images in batches of 32: the process ends after two of the four of the second epoch."""
    whole, expected = train(attack, tmp_path / "whole")
    save = GeneratorProgress.save

    def save_and_stop(progress: GeneratorProgress) -> None:
        save(progress)
        if (len(progress.history), progress.batches) == (1, 2):
            raise _KilledError

    with monkeypatch.context() as patch:
        patch.setattr(GeneratorProgress, "save", save_and_stop)
        with pytest.raises(_KilledError):
            train(attack, tmp_path / "killed", checkpoint_every=1e-9)
    again, found = train(attack, tmp_path / "killed")
    assert (again["key"], again["resumed_from"]) == (whole["key"], 1)
    assert all(found[name].equal(value) for name, value in expected.items())
    assert again["metrics"] == whole["metrics"]


class Part:
    """A state of one number and one tensor."""

    def __init__(self, value: float) -> None:
        self.value, self.pair = value, {1: torch.full((2,), value)}

    def state_dict(self) -> dict[str, Any]:
        return {"value": self.value, "pair": self.pair}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.value, self.pair = state["value"], state["pair"]


def note_one_epoch(folder: Path, **parts: Any) -> GeneratorProgress:
    """What is kept of parts below the name `one`, after one epoch more than is saved there."""
    storage = open_storage(folder)
    with WriteBehind(storage) as behind:
        progress = GeneratorProgress(storage, behind, "one", 300.0)
        progress.resume(parts)
        progress.finish_epoch({"epoch": len(progress.history), "stage_key": "1", "stage": "generator"})
    return progress


def test_what_a_generator_names_as_its_state_comes_back(tmp_path: Path) -> None:
    """Keys that are no texts too, and torch's own random numbers."""
    torch.manual_seed(1)
    note_one_epoch(tmp_path, part=Part(3.0))
    expected = torch.rand(1)
    part = Part(4.0)
    assert note_one_epoch(tmp_path, part=part).resumed_from == 1
    assert (part.value, part.pair[1].tolist()) == (3.0, [3.0, 3.0])
    assert torch.rand(1) == expected


@pytest.mark.parametrize("damage", ["cut short", "of other parts"])
def test_a_checkpoint_that_does_not_fit_is_thrown_away(damage: str, tmp_path: Path) -> None:
    """The training begins anew, with its first state."""
    note_one_epoch(tmp_path, part=Part(3.0), **({"other": Part(1.0)} if damage == "cut short" else {}))
    if damage == "cut short":
        file = tmp_path / "one"
        file.write_bytes(file.read_bytes()[:-5])
    first, second = Part(4.0), Part(5.0)
    assert note_one_epoch(tmp_path, part=first, other=second).resumed_from == 0
    assert (first.value, second.value) == (4.0, 5.0)


def test_an_epoch_that_is_read_twice_is_read_whole_both_times(tmp_path: Path) -> None:
    """A checkpoint is written while it is read first; what goes on from there leaves out in this reading alone."""
    images, storage = linear_images(64), open_storage(tmp_path)

    def count_batches(every: float) -> list[int]:
        with WriteBehind(storage) as behind:
            progress = GeneratorProgress(storage, behind, "one", every)
            job = GeneratorJob(images, 0, None, progress.finish_epoch, progress)
            job.resume(part=Part(1.0))
            return [len(list(job.read_epoch(0, size))) for size in (16, 32)]

    assert count_batches(1e-9) == [4, 2]
    assert count_batches(300.0) == [1, 2], "three of four are saved, and nothing of the second reading"


def test_a_generator_that_names_no_state_has_no_checkpoint(tmp_path: Path) -> None:
    note_one_epoch(tmp_path)
    assert not [*tmp_path.iterdir()]


def test_a_state_that_is_no_plain_data_is_an_error(tmp_path: Path) -> None:
    part = Part(3.0)
    part.value = object()  # type: ignore[assignment]
    with pytest.raises(StageError, match="tensors and plain values"):
        note_one_epoch(tmp_path, part=part)


def test_an_epoch_has_the_seconds_that_it_took_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Epochs that end at 103, 107 and 108 seconds of a clock."""
    now = [0.0]
    monkeypatch.setattr(generator_progress, "time", SimpleNamespace(monotonic=lambda: now[0]))
    storage = open_storage(tmp_path)
    with WriteBehind(storage) as behind:
        progress = GeneratorProgress(storage, behind, "one", 300.0)
        for ended in (103.0, 107.0, 108.0):
            now[0] = ended
            progress.finish_epoch({})
    assert [entry["seconds"] for entry in progress.history][1:] == [4.0, 1.0]
