"""One of Ray's own processes is killed while a private Ray starts: a plain message, soon, and nothing is written."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.support.clusters import alive, family
from tests.support.command_line import list_tree
from tests.support.harness import LIMIT, spawn, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.fault, pytest.mark.slow]


def kill_as_it_appears(driver: subprocess.Popen[str], name: str) -> None:
    """Kill the process of this name below the driver, as soon as there is one."""
    until = time.monotonic() + LIMIT
    while time.monotonic() < until and driver.poll() is None:
        for child in psutil.Process(driver.pid).children():
            if child.name() == name:
                os.kill(child.pid, signal.SIGKILL)
                return
        time.sleep(0.02)
    raise AssertionError(f"there was no {name}")


@pytest.mark.parametrize("name", ["gcs_server", "raylet"])
def test_a_start_that_is_killed_is_one_line(name: str, space_file: Path, tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    storage.mkdir()
    (storage / ".advsweep").touch()
    before = list_tree(storage)
    command = ["launch", "--space", str(space_file), "--storage", str(storage), "--wandb", "disabled"]
    driver = spawn(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    kill_as_it_appears(driver, name)
    started = family(driver.pid)
    shown, error = driver.communicate(timeout=LIMIT)
    (line,) = [line for line in error.splitlines() if line.startswith("error:")]
    assert "Ray could not be started; nothing has begun, and nothing is lost: the same command tries again" in line
    assert "Traceback" not in shown + error
    assert driver.returncode == 2
    assert list_tree(storage) == before
    assert wait_until(lambda: not alive(started)), "nothing that was started lives on"
