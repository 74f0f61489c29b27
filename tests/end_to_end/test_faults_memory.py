"""Ray's memory monitor ends workers, coordinators and the board: a sweep goes on, or ends with one line and rows."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.support.disturbed import LEAST, SMALLEST, SPACE, undisturbed_sweep
from tests.support.harness import LIMIT, ONE, advsweep, ended, executions, rows, same, spawn, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(900)]

GIB = 2**30
MARGIN = 1.5 * GIB
"""Memory that may come into use on the machine before the monitor acts."""
BEYOND = 1.0 * GIB
"""What is taken beyond that, so that it does, whatever others give back meanwhile."""
HELD = 2.5
"""Seconds for which it is held: the monitor looks ten times a second, and ends a few processes each time."""
BURSTS = 2
ACTED = "killed due to the node running low on memory"
IMPATIENT = """
from orchestrator.run import worker_starts
worker_starts.FIRST_WORD, worker_starts.LONGEST_DELAY, worker_starts.MOST_SHORTAGES = 0.1, 0.5, 2
"""
"""A launch that waits for seconds where others wait for minutes."""


def begin(
    arguments: list[str | Path], threshold: float, log: Path, patch: str = "", own_workers: bool = False
) -> subprocess.Popen[bytes]:
    """Start a launch whose Ray ends processes from this share of the memory on.

    :param own_workers: its workers are Ray's own: others come up before the monitor looks.
    """
    monitored = {"RAY_memory_usage_threshold": f"{threshold:.4f}", "RAY_memory_monitor_refresh_ms": "100"}
    with log.open("wb") as output:
        return spawn(
            arguments, patch, os.environ | monitored, own_workers=own_workers, stdout=output, stderr=subprocess.STDOUT
        )


def take_memory(threshold: float, until: Callable[[], bool]) -> None:
    """Use more than the monitor lets pass, for a while, and more where others give some back.

    :param threshold: the share of the memory from which on it acts.
    :param until: whether it has acted, or has nothing to act on any more.
    """
    taken: list[bytearray] = []

    def is_over() -> bool:
        memory = psutil.virtual_memory()
        short = int(threshold * memory.total + BEYOND) - (memory.total - memory.available)
        if short > 0:
            taken.append(bytearray(short))
            for page in range(0, short, 4096):
                taken[-1][page] = 1
        return until()

    is_over()
    time.sleep(HELD)
    assert wait_until(is_over)


def check_shown(shown: str) -> None:
    assert "Traceback" not in shown
    assert "Caught unexpected exception" not in shown


def test_processes_that_rays_memory_monitor_ends_cost_no_finished_stage(tmp_path: Path) -> None:
    memory = psutil.virtual_memory()
    if memory.available < 2 * (MARGIN + BEYOND):
        pytest.skip("too little memory to take some of it")
    space, reference = undisturbed_sweep("killed", SPACE, LEAST)
    storage, log = tmp_path / "storage", tmp_path / "log"
    command: list[str | Path] = ["launch", "--space", space, "--storage", storage, "--wandb", "disabled", *SMALLEST]
    threshold = (memory.total - psutil.virtual_memory().available + MARGIN) / memory.total
    driver = begin(command, threshold, log)

    def has_acted() -> bool:
        return any(ACTED in file.read_text() for file in storage.glob("sweeps/*/faults/*.jsonl"))

    for burst in range(BURSTS):
        assert wait_until(lambda: len(executions(storage)) > 2 * burst or driver.poll() is not None)  # noqa: B023
        if driver.poll() is None:
            take_memory(threshold, lambda: has_acted() or driver.poll() is not None)
    assert driver.wait(timeout=LIMIT) in (0, 1)
    shown = log.read_text()
    check_shown(shown)
    assert "4 trials, " in shown
    assert shown.count(" 0 not run") == 1, "every trial has its row"
    assert {row["status"] for row in rows(storage)} <= {"finished", "failed"}
    assert len({row["trial_id"] for row in rows(storage)}) == 4
    assert has_acted(), "the notes of the sweep say so"
    advsweep(*command)
    same(storage, reference)
    assert set(ended(storage).values()) == {1}


def test_a_sweep_whose_ray_has_no_memory_says_so_and_ends(tmp_path: Path) -> None:
    space, log, storage = tmp_path / "killed.yaml", tmp_path / "log", tmp_path / "storage"
    space.write_text(SPACE)
    command: list[str | Path] = ["launch", "--space", space, "--storage", storage, "--wandb", "disabled", *ONE]
    driver = begin(command, 0.01, log, IMPATIENT, own_workers=True)
    assert driver.wait(timeout=LIMIT) == 1
    shown = log.read_text()
    check_shown(shown)
    assert re.search(r"nothing runs: for \d+ s no worker has come up; ", shown)
    assert "GiB of memory are in use, and from 1% on Ray ends processes" in shown
    assert "stopped early: no worker can start: " in shown
    assert "12 trials, 0 finished, 12 failed, 0 not run" in shown
    assert {row["status"] for row in rows(storage)} == {"failed"}
