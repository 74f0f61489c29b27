"""A finished sweep that commands read."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator.plan.plan import Plan
from orchestrator.store.sweep_store import SweepStore
from tests.support.command_line import Ended, run_here
from tests.support.finished_sweep import finish

SPACE = """
description: four trials; two models and two attacks that share a trajectory
dataset: {name: digits, image_size: 16, train_examples: 200, split: {test: 0.1}}
model: {name: resnet8}
train: {epochs: 2, batch_size: 32, optimizer: {name: sgd, lr: 0.1, momentum: 0.9}}
prune: {ratio: {grid_search: [0.0, 0.5]}}
attack: {name: ifgsm, eps: 16/255, steps: {grid_search: [2, 5]}, step_size: 4/255}
reference:
- {match: {pruning_ratio: 0.5, attack_steps: 5}, robust_accuracy: 0.25, source: Table 1}
"""


@dataclass(frozen=True)
class Finished:
    """A finished sweep of four trials in a storage folder."""

    plan: Plan
    sweep: SweepStore
    space: Path
    storage: Path

    @property
    def trials(self) -> list[str]:
        """The ids of its trials."""
        return [planned.trial_id for planned in self.plan.trials]

    def rows(self) -> list[dict[str, Any]]:
        """Its rows in the order of their ids."""
        return sorted(self.sweep.rows(), key=lambda row: str(row["trial_id"]))

    def ask(self, *arguments: str | Path, code: int = 0) -> Ended:
        """Run a command on its storage; `code` is the exit code that it must have."""
        ended = run_here(*arguments, "--storage", self.storage)
        assert ended.code == code, ended
        return ended


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    """A sweep that no test changes."""
    folder = tmp_path_factory.mktemp("finished")
    space = folder / "four.yaml"
    space.write_text(SPACE)
    plan, sweep = finish(space, folder / "storage")
    yield Finished(plan, sweep, space, folder / "storage")
    shutil.rmtree(folder)
