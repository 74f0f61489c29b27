"""Real kills of a real sweep: nothing finished is lost, nothing runs twice, and the result is the same to the bit."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.harness import (
    advsweep,
    artifacts,
    ended,
    executions,
    kill,
    nothing_ran_after_it_was_finished,
    same,
    start,
    wait_until,
)

pytestmark = [pytest.mark.cluster, pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(900)]

SPACE = """
description: enough epochs to be killed in
seed: {grid_search: [0, 1, 2]}
dataset: {name: digits, image_size: 16, split: {test: 0.1}, augment: {crop: 1}}
model: {name: resnet8}
train: {epochs: 12, batch_size: 16, optimizer: {name: sgd, lr: 0.05, momentum: 0.9}, schedule: {name: cosine}}
prune: {ratio: {grid_search: [0.2, 0.5]}}
finetune: {epochs: 6, batch_size: 16, optimizer: {name: adam, lr: 0.001}}
adversarial_finetune:
  lambda: 0.5
  epochs: 4
  batch_size: 16
  optimizer: {name: sgd, lr: 0.02, momentum: 0.9}
  attack: {name: pgd, eps: 16/255, steps: 2}
attack: {name: pgd, eps: 16/255, steps: {grid_search: [2, 5]}}
"""
ONE_SEED = ["--set", "seed=0"]
"""A third of the space, where the whole of it would only take longer."""
KILLS = 20
SEED = 2026


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """The space, and the storage of a sweep that nothing happened to."""
    folder = tmp_path_factory.mktemp("undisturbed")
    space = folder / "killed.yaml"
    space.write_text(SPACE)
    advsweep("launch", "--space", space, "--storage", folder / "storage", "--wandb", "disabled")
    yield space, folder / "storage"
    shutil.rmtree(folder)


def workers_of(driver: subprocess.Popen[bytes], storage: Path) -> list[int]:
    """Worker processes of this driver that have a stage now."""
    alive = {child.pid for child in psutil.Process(driver.pid).children(recursive=True)} | cluster_of(driver)
    started = {entry["pid"] for entry in executions(storage)}
    return sorted(alive & started)


def cluster_of(driver: subprocess.Popen[bytes]) -> set[int]:
    """Every process of the driver's private Ray: its descendants, and what runs in their sessions."""
    family = {driver.pid} | {child.pid for child in psutil.Process(driver.pid).children(recursive=True)}
    found = set()
    for process in psutil.process_iter(["pid", "ppid"]):
        if process.info["ppid"] in family:
            found.add(process.info["pid"])
    return family | found


def test_kills_at_random_moments_change_nothing(undisturbed: tuple[Path, Path], tmp_path: Path) -> None:
    space, reference = undisturbed
    storage = tmp_path / "storage"
    command: list[str | Path] = ["launch", "--space", space, "--storage", storage, "--wandb", "disabled"]
    chance = random.Random(SEED)
    kills = {"worker": 0, "driver": 0, "cluster": 0}
    launches = 0
    while sum(kills.values()) < KILLS and launches < KILLS:
        launches += 1
        before = len(executions(storage))
        driver = start(*command)
        assert wait_until(lambda: len(executions(storage)) > before or driver.poll() is not None)  # noqa: B023
        for _ in range(chance.randint(4, 6)):
            time.sleep(chance.uniform(0.1, 1.2))
            if victims := workers_of(driver, storage) if driver.poll() is None else []:
                kill([chance.choice(victims)])
                kills["worker"] += 1
        time.sleep(chance.uniform(0.1, 1.2))
        if driver.poll() is None:
            what = chance.choice(["driver", "cluster"])
            kill(cluster_of(driver) if what == "cluster" else [driver.pid])
            kills[what] += 1
        driver.wait(timeout=30)
        if len(ended(storage)) == len(ended(reference)):
            break  # there is nothing left to kill; the count below says whether it was enough
    shown = advsweep(*command).stdout
    assert "12 trials, 12 finished" in shown
    assert sum(kills.values()) >= KILLS, kills
    assert kills["worker"], kills
    assert kills["driver"] + kills["cluster"], kills
    nothing_ran_after_it_was_finished(storage)
    same(storage, reference)
    assert artifacts(storage).keys() == artifacts(reference).keys()
    assert not list((storage / "checkpoints").iterdir())


def test_a_stage_continues_from_its_last_epoch(undisturbed: tuple[Path, Path], tmp_path: Path) -> None:
    space, reference = undisturbed
    storage = tmp_path / "storage"
    command: list[str | Path] = ["launch", "--space", space, "--storage", storage, "--wandb", "disabled", *ONE_SEED]
    driver = start(*command)
    assert wait_until(lambda: bool(list(storage.glob("checkpoints/*.safetensors"))))
    kill(cluster_of(driver))
    driver.wait(timeout=30)
    begun = {file.stem for file in storage.glob("checkpoints/[!.]*.safetensors")}
    assert begun
    advsweep(*command)
    same(storage, reference)
    resumed = [json.loads((storage / "stages" / key / "stage.json").read_text())["resumed_from"] for key in begun]
    assert all(epoch >= 1 for epoch in resumed)


def test_ctrl_c_once_ends_the_sweep_in_order(undisturbed: tuple[Path, Path], tmp_path: Path) -> None:
    space, reference = undisturbed
    storage = tmp_path / "storage"
    command: list[str | Path] = ["launch", "--space", space, "--storage", storage, "--wandb", "disabled", *ONE_SEED]
    driver = start(*command)
    assert wait_until(lambda: bool(executions(storage)))
    family = cluster_of(driver)
    os.kill(driver.pid, signal.SIGINT)
    assert driver.wait(timeout=60) == 130
    assert wait_until(lambda: not any(map(psutil.pid_exists, family)), 30), "everything that was started has ended"
    advsweep(*command)
    nothing_ran_after_it_was_finished(storage)
    same(storage, reference)


def test_two_drivers_on_one_storage_both_finish(undisturbed: tuple[Path, Path], tmp_path: Path) -> None:
    space, reference = undisturbed
    storage = tmp_path / "storage"
    command: list[str | Path] = ["launch", "--space", space, "--storage", storage, "--wandb", "disabled", *ONE_SEED]
    drivers = [start(*command), start(*command)]
    assert [driver.wait(timeout=240) for driver in drivers] == [0, 0]
    same(storage, reference)
    assert "4 finished, nothing to do" in advsweep(*command).stdout


def test_a_full_disk_ends_the_sweep_and_harms_nothing(undisturbed: tuple[Path, Path], tmp_path: Path) -> None:
    space, reference = undisturbed
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", disk], check=False)
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here: that takes root")
    try:
        command: list[str | Path] = [
            "launch",
            "--space",
            space,
            "--storage",
            disk / "storage",
            "--wandb",
            "disabled",
            *ONE_SEED,
        ]
        shown = advsweep(*command, code=None)
        assert shown.returncode == 1, shown.stdout + shown.stderr
        assert "the storage is full" in shown.stdout
        assert "Traceback" not in shown.stderr
        subprocess.run(["mount", "-o", "remount,size=100m", disk], check=True)
        advsweep(*command)
        same(disk / "storage", reference)
    finally:
        subprocess.run(["umount", disk], check=True)
