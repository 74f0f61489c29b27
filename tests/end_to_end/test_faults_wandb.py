"""W&B's own processes are killed at work: the launch ends well, and the next one makes up for it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from orchestrator.tracking.folder import WandbFolder
from tests.support.harness import LIMIT, spawn
from tests.support.wandb_stub import Fault, Stub
from tests.support.wandb_sweep import GRID, TRIALS, Sweep

pytestmark = [pytest.mark.fault, pytest.mark.slow]
PROCESSES = {"writer": "wandb-core", "sender": "-m wandb sync"}
"""What stands in the command line of each."""
PATIENT = f"""
from orchestrator.tracking import log, server
server.PATIENCE = log.SEND_LIMIT = log.CLOSE_LIMIT = {LIMIT}
"""
"""A launch that gives W&B all the time of a busy machine."""


def kill_as_it_appears(driver: subprocess.Popen[str], mark: str) -> None:
    """Kill the process below the driver with this in its command line, as soon as there is one."""
    until = time.monotonic() + LIMIT
    while time.monotonic() < until and driver.poll() is None:
        for child in psutil.Process(driver.pid).children(recursive=True):
            try:
                found = mark in " ".join(child.cmdline())
            except psutil.Error:
                continue
            if found:
                os.kill(child.pid, signal.SIGKILL)
                return
        time.sleep(0.02)
    raise AssertionError(f"there was no {mark}")


@pytest.mark.parametrize("victim", PROCESSES)
def test_what_it_was_killed_in_is_made_up_for(victim: str, sweep: Sweep, stub: Stub) -> None:
    before = sweep.files()
    if victim == "writer":
        shutil.rmtree(WandbFolder(sweep.store).path)
    stub.fault = Fault(delay=0.1)  # slow, so that it is met at work
    overrides = [word for override in GRID for word in ("--set", override)]
    command: list[str | Path] = ["launch", "--space", sweep.space, "--storage", sweep.storage, *overrides]
    command += ["--wandb", "online", "--project", "robust"]
    driver = spawn(command, PATIENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    kill_as_it_appears(driver, PROCESSES[victim])
    shown, error = driver.communicate(timeout=LIMIT)
    assert driver.returncode == 0, shown + error
    assert "Traceback" not in shown + error
    assert shown.count("W&B:") >= 1
    stub.fault = None
    again = spawn(command, PATIENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    shown, error = again.communicate(timeout=LIMIT)
    assert again.returncode == 0, shown + error
    assert "W&B" not in shown
    assert len(WandbFolder(sweep.store).sent()) == TRIALS + 1
    assert stub.runs.keys() >= sweep.ids()
    assert all(stub.runs[name].complete for name in sweep.ids())
    assert sweep.files() == before
