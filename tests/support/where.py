"""A sweep of few stages, where what is tested is the Ray that it runs on."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.harness import spawn

SPACE = """
description: a few stages, so that what is tested is where they run
dataset: {name: digits, image_size: 16, train_examples: 100, split: {test: 0.1}}
model: {name: resnet8}
train: {epochs: 1, batch_size: 50, optimizer: {name: sgd, lr: 0.1}}
prune: {ratio: 0.5}
attack: {name: fgsm, eps: {grid_search: [0, 16/255]}, examples: 50}
"""
SECRET = "planted-secret-5d1c"


@pytest.fixture
def space(tmp_path: Path) -> Path:
    file = tmp_path / "where.yaml"
    file.write_text(SPACE)
    return file


def begin(*arguments: str | Path, env: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a command whose output goes to a file."""
    with log.open("wb") as output:
        variables = {**env, "PYTHONUNBUFFERED": "1"}
        return spawn(arguments, env=variables, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
