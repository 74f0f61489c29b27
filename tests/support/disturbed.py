"""A space that leaves time to be disturbed in, and the processes of the sweep that runs it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psutil

from tests.support.finished_sweep import finish
from tests.support.harness import executions
from tests.support.made_once import make_once
from tests.support.parted_workers import find_descendants

SPACE = """
description: enough epochs to be killed in
seed: {grid_search: [0, 1, 2]}
dataset: {name: digits, image_size: 16, split: {test: 0.1}, augment: {crop: 1}}
model: {name: resnet8}
train: {epochs: 8, batch_size: 16, optimizer: {name: sgd, lr: 0.05, momentum: 0.9}, schedule: {name: cosine}}
prune: {ratio: {grid_search: [0.2, 0.5]}}
finetune: {epochs: 4, batch_size: 16, optimizer: {name: adam, lr: 0.001}}
adversarial_finetune:
  lambda: 0.5
  epochs: 3
  batch_size: 16
  optimizer: {name: sgd, lr: 0.02, momentum: 0.9}
  attack: {name: pgd, eps: 16/255, steps: 2}
attack: {name: pgd, eps: 16/255, steps: {grid_search: [2, 5]}, step_size: 4/255}
"""

LEAST = (
    "seed=0", "dataset.train_examples=240", "train.epochs=4", "finetune.epochs=2", "adversarial_finetune.epochs=2",
)  # fmt: skip
"""A part of the space with fewer steps, where the whole of it would only take longer: four trials."""
SMALLEST = [word for override in LEAST for word in ("--set", override)]


def undisturbed_sweep(name: str, text: str, overrides: tuple[str, ...] = ()) -> tuple[Path, Path]:
    """A space as a file of this name, and the storage of a sweep that nothing happened to: nobody changes them.

    It is run by a process that tests, without Ray, once, however many tests hold theirs against it.
    """

    def run(folder: Path) -> None:
        (folder / f"{name}.yaml").write_text(text)
        finish(folder / f"{name}.yaml", folder / "storage", overrides)

    folder = make_once([name, text, overrides], run)
    return folder / f"{name}.yaml", folder / "storage"


def workers_of(driver: subprocess.Popen[bytes], storage: Path) -> list[int]:
    """Worker processes of this driver that have a stage now."""
    alive = cluster_of(driver)
    started = {entry["pid"] for entry in executions(storage)}
    return sorted(alive & started)


def cluster_of(driver: subprocess.Popen[bytes]) -> set[int]:
    """Every process of the driver's private Ray: its descendants, and what runs in their sessions."""
    family = {driver.pid} | find_descendants(driver.pid)
    found = set()
    for process in psutil.process_iter(["pid", "ppid"]):
        if process.info["ppid"] in family:
            found.add(process.info["pid"])
    return family | found
