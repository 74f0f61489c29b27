"""A storage and a folder of temporary files with paths of 200 characters, in which no socket can have a name."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.command_line import run_here
from tests.support.harness import COMMAND, LIMIT, ONE, rows

pytestmark = [pytest.mark.slow, pytest.mark.cluster]

SPACE = """
dataset: {name: digits, image_size: 16, train_examples: 100, split: {test: 0.1}}
model: {name: resnet8}
train: {epochs: 1, batch_size: 32, optimizer: {name: sgd, lr: 0.1}}
attack: {name: fgsm, eps: 16/255}
"""
LONG = 200


def lengthen(folder: Path) -> Path:
    """A folder below it whose path has 200 characters."""
    while len(str(folder)) < LONG - 101:
        folder = folder / ("x" * 90)
    return folder / ("y" * (LONG - len(str(folder)) - 1))


def test_a_sweep_in_a_storage_with_a_long_path(tmp_path: Path) -> None:
    storage, temporary = lengthen(tmp_path / "storage"), lengthen(tmp_path / "temporary")
    assert len(str(storage)) == len(str(temporary)) == LONG
    temporary.mkdir(parents=True)
    (tmp_path / "tiny.yaml").write_text(SPACE)
    ended = subprocess.run(
        [*COMMAND, "launch", "--space", tmp_path / "tiny.yaml", "--storage", storage, *ONE],
        env=os.environ | {"TMPDIR": str(temporary)}, capture_output=True, text=True, check=False, timeout=LIMIT,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "W&B" not in ended.stdout + ended.stderr, "nothing about it failed"
    assert [row["status"] for row in rows(storage)] == ["finished"]
    assert list(storage.glob("sweeps/*/wandb/wandb/offline-run-*"))
    for command in (["status"], ["results", "tiny"], ["report", "tiny", "--formats", "svg"], ["clean"]):
        read = run_here(*command, "--storage", storage)
        assert (read.code, read.stderr) == (0, ""), command
