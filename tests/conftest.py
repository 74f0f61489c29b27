"""Fixtures that several tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from orchestrator.space import space as spaces
from tasks.trial.trial import Trial, simplify_trial
from tests.support.harness import NICENESS

os.environ.setdefault(NICENESS, "0")

CONFIG = {
    "seed": 0,
    "dataset": {"name": "digits", "image_size": 16, "train_examples": 200, "split": {"test": 0.1}},
    "model": {"name": "resnet8"},
    "train": {"epochs": 2, "batch_size": 32, "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.9}},
    "prune": {"ratio": 0.5},
    "finetune": {"epochs": 1, "optimizer": {"name": "sgd", "lr": 0.02, "momentum": 0.9}},
    "adversarial_finetune": {
        "lambda": 0.5,
        "epochs": 1,
        "optimizer": {"name": "adam", "lr": 0.001},
        "attack": {"name": "ifgsm", "eps": "8/255", "steps": 2},
    },
    "attack": {"name": "ifgsm", "eps": "8/255", "steps": 3},
}
"""A whole chain that runs in about a second."""


LONGEST = (
    "cluster",
    "faults_nodes",
    "faults",
    "sweep",
    "plugins",
    "pretended_gpu",
    "faults_memory",
    "faults_kills",
    "sweep_on_s3",
    "plugins_elsewhere",
    "run",  # of tests/mutation
)
"""Files that take a minute or more, the longest first."""


def pytest_configure(config: pytest.Config) -> None:
    """The processes of a whole run share what they compile, though the machine says `PYTHONDONTWRITEBYTECODE`.

    They start hundreds, and each would compile our sources anew. What runs a changed copy (`tests/mutation`) is one
    process, and writes nothing.
    """
    if config.getoption("numprocesses", None):
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, then the others with slow tests: processes that share the tests end at the same time."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    ranks = {f"test_{name}.py": rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.name, len(ranks) + (item.path not in slow)))


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Results are compared bit for bit, which holds for one thread count."""
    torch.set_num_threads(1)


SERVICE = "WANDB_SERVICE"
"""W&B leaves the socket of its service here, for processes that start later, and the socket ends with its test."""


@pytest.fixture(autouse=True)
def private_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of the user's own settings, and no cache outside the test."""
    os.environ.pop(SERVICE, None)
    for name in [name for name in os.environ if name.startswith(("ADVSWEEP_", "WANDB_"))]:
        if name != "ADVSWEEP_TEST_DATA":
            monkeypatch.delenv(name)
    monkeypatch.setenv("ADVSWEEP_CACHE", str(tmp_path / "cache"))
    yield
    os.environ.pop(SERVICE, None)


@pytest.fixture
def trial() -> Trial:
    """The trial of CONFIG in canonical form."""
    return simplify_trial(Trial.model_validate(CONFIG))


@pytest.fixture
def space_file(tmp_path: Path) -> Path:
    """A small space of eight trials: two pruning ratios, two lambdas, two step counts."""
    path = tmp_path / "small.yaml"
    path.write_text(SMALL_SPACE)
    assert len(spaces.load(str(path)).trials) == 8
    return path


SMALL_SPACE = """
description: a small space for tests
dataset: {name: digits, image_size: 16, train_examples: 200, split: {test: 0.1}}
model: {name: resnet8}
train: {epochs: 2, batch_size: 32, optimizer: {name: sgd, lr: 0.1, momentum: 0.9}}
prune: {ratio: {grid_search: [0.0, 0.5]}}
adversarial_finetune:
  lambda: {grid_search: [0, 0.5]}
  epochs: 2
  batch_size: 32
  optimizer: {name: sgd, lr: 0.02, momentum: 0.9}
  attack: {name: fgsm, eps: 16/255}
attack: {name: ifgsm, eps: 16/255, steps: {grid_search: [2, 5]}, step_size: 4/255}
"""
