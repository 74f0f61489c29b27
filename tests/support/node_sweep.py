"""A sweep that takes long enough to lose nodes, heads and drivers of a cluster in."""

from __future__ import annotations

from pathlib import Path

from tests.support.disturbed import undisturbed_sweep
from tests.support.harness import artifacts, ended, nothing_ran_after_it_was_finished, same
from tests.support.nodes import Nodes

SPACE = """
description: enough epochs to lose a node in
seed: {grid_search: [0, 1]}
dataset: {name: digits, image_size: 16, train_examples: 200, split: {test: 0.1}}
model: {name: resnet8}
train: {epochs: 8, batch_size: 16, optimizer: {name: sgd, lr: 0.05, momentum: 0.9}}
prune: {ratio: 0.2}
finetune: {epochs: 2, batch_size: 16, optimizer: {name: sgd, lr: 0.02}}
attack: {name: pgd, eps: 16/255, steps: {grid_search: [2, 5]}, step_size: 4/255, examples: 50}
"""

AS_ON_A_CLUSTER = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""For a launch beside these clusters, which so parts from the process that is prepared for theirs."""


def run_undisturbed() -> tuple[Path, Path]:
    """The space, and the storage of a sweep that nothing happened to."""
    return undisturbed_sweep("nodes", SPACE)


def command(space: Path, storage: Path, nodes: Nodes) -> list[str | Path]:
    where: list[str | Path] = ["launch", "--space", space, "--storage", storage, "--address", nodes.address]
    return [*where, "--wandb", "disabled"]


def whole(storage: Path, reference: Path) -> None:
    """Everything is there once, and is what an undisturbed sweep finds."""
    nothing_ran_after_it_was_finished(storage)
    assert set(ended(storage).values()) == {1}, "every finished stage ran once"
    same(storage, reference)
    assert artifacts(storage).keys() == artifacts(reference).keys()
    assert not list((storage / "checkpoints").iterdir())
