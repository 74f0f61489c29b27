"""A stage that trains begins anew where its checkpoint is none."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch

from tasks.stages import train
from tasks.stages.run import run_chain
from tests.support.damage import KINDS, WEIGHTS, replace_file
from tests.support.small import SGD, context, run, stages_of, trial
from tests.support.training import interrupted

SECTIONS = {
    "dataset": {"name": "digits", "train_examples": 40},
    "train": {"epochs": 2, "batch_size": 20, "optimizer": SGD},
}
OTHERS = ["a pipe", "a socket", "a folder", "a dangling link", "a link to itself", "a link out", "a link to zeros"]
LARGE = "a header of 100 MB"
DAMAGES = [
    *OTHERS, "empty", "8 GB of holes", "flipped at 0.01", "document b'null'",
    *(name for name in WEIGHTS if name != LARGE), pytest.param(LARGE, marks=pytest.mark.slow),
]  # fmt: skip


def test_fixed_examples_are_drawn_by_the_seed_of_the_trial(tmp_path: Path) -> None:
    """Another seed draws others, and the same one the same."""
    hardened = {**SECTIONS["train"], "lambda": 1, "attack": {"name": "fgsm", "eps": 0.1}, "fixed_examples": 10}
    drawn = []
    for seed in (1, 2, 1):
        stage = stages_of(trial(**SECTIONS, adversarial_finetune=hardened, seed=seed))[-2]
        drawn.append(train._choose_images(context(tmp_path).load_data(stage, "train").train, 10, stage).pixels)
    assert len(drawn[0]) == 10
    assert torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0], drawn[1])


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A storage with the checkpoint of a stage that was interrupted after its first epoch."""
    folder = tmp_path_factory.mktemp("stopped")
    interrupted(SECTIONS, folder, "train", 1)
    return folder


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_no_checkpoint_is_dropped(stopped: Path, tmp_path: Path, damage: str) -> None:
    shutil.copytree(stopped, tmp_path / "storage")
    (checkpoint,) = (tmp_path / "storage" / "checkpoints").iterdir()
    KINDS[damage](checkpoint)
    (record,) = run_chain(stages_of(trial(**SECTIONS))[:1], context(tmp_path / "storage")).values()
    assert record["resumed_from"] == 0
    assert not os.path.lexists(checkpoint)
    assert Path("/etc/passwd").read_text().startswith("root:")


def test_a_checkpoint_as_large_as_its_model_may_have_is_read(stopped: Path, tmp_path: Path) -> None:
    shutil.copytree(stopped, tmp_path / "storage")
    (checkpoint,) = (tmp_path / "storage" / "checkpoints").iterdir()
    replace_file(checkpoint, checkpoint.read_bytes())
    assert run(trial(**SECTIONS), context(tmp_path / "storage"))[0]["resumed_from"] == 1
