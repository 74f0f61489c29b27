"""A real sweep that is ended in every way, and goes on: nothing finished is lost, the result is the same to the bit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.support.disturbed import LEAST, SMALLEST, SPACE, cluster_of, undisturbed_sweep
from tests.support.harness import (
    LIMIT,
    ONE,
    advsweep,
    executions,
    kill,
    nothing_ran_after_it_was_finished,
    same,
    start,
    wait_until,
)

pytestmark = [pytest.mark.cluster, pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def undisturbed() -> tuple[Path, Path]:
    """The space, and the storage of a sweep that nothing happened to."""
    return undisturbed_sweep("killed", SPACE, LEAST)


def test_a_sweep_goes_on_after_a_kill_and_after_ctrl_c(undisturbed: tuple[Path, Path], tmp_path: Path) -> None:
    space, reference = undisturbed
    storage = tmp_path / "storage"
    command: list[str | Path] = ["launch", "--space", space, "--storage", storage, "--wandb", "disabled", *SMALLEST]
    killed = start(*command)
    assert wait_until(lambda: bool(list(storage.glob("checkpoints/*.safetensors"))))
    kill(cluster_of(killed))
    killed.wait()
    begun = {file.stem for file in storage.glob("checkpoints/[!.]*.safetensors")}
    assert begun
    before = len(executions(storage))
    interrupted = start(*command, *ONE)
    assert wait_until(lambda: len(executions(storage)) > before)
    family = cluster_of(interrupted)
    os.kill(interrupted.pid, signal.SIGINT)
    assert interrupted.wait(timeout=LIMIT) == 130
    assert wait_until(lambda: not any(map(psutil.pid_exists, family))), "everything that was started has ended"
    advsweep(*command, *ONE)
    nothing_ran_after_it_was_finished(storage)
    same(storage, reference)
    resumed = [json.loads((storage / "stages" / key / "stage.json").read_text())["resumed_from"] for key in begun]
    assert all(epoch >= 1 for epoch in resumed)


def test_two_drivers_on_one_storage_both_finish(undisturbed: tuple[Path, Path], tmp_path: Path) -> None:
    space, reference = undisturbed
    storage = tmp_path / "storage"
    command: list[str | Path] = ["launch", "--space", space, "--storage", storage, "--wandb", "disabled", *SMALLEST]
    drivers = [start(*command, *ONE), start(*command, *ONE)]
    assert [driver.wait(timeout=LIMIT) for driver in drivers] == [0, 0]
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
        command: list[str | Path] = ["launch", "--space", space, "--storage", disk / "storage", *SMALLEST, *ONE]
        command += ["--wandb", "disabled"]
        shown = advsweep(*command, code=None)
        assert shown.returncode == 1, shown.stdout + shown.stderr
        assert "a disk is full" in shown.stdout
        assert "Traceback" not in shown.stderr
        subprocess.run(["mount", "-o", "remount,size=100m", disk], check=True)
        advsweep(*command)
        same(disk / "storage", reference)
    finally:
        subprocess.run(["umount", disk], check=True)
