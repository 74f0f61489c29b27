"""Whoever belongs to the Ray of a killed driver ends with it, and nobody else does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from orchestrator.cluster.guard import MARK, find_marked_processes
from tests.support.harness import LIMIT, kill, wait_until

DRIVER = """
import subprocess, sys, time
from pathlib import Path
from orchestrator.cluster import guard
from tasks.temporary import make_temporary_folder
import os
folder = make_temporary_folder(Path(sys.argv[1]))
with guard.guard(folder):
    marked = {**os.environ, guard.MARK: str(folder)}
    where = {"env": marked} if sys.argv[3] == "by variable" else {"cwd": folder}
    child = subprocess.Popen(["sleep", "600"], **where, start_new_session=True)
    print(folder, child.pid, flush=True)
    time.sleep(600 if sys.argv[2] == "stay" else 0)
    child.kill()
"""


def start_driver(parent: Path, how: str, mark: str) -> tuple[subprocess.Popen[str], Path, int]:
    """A driver with a guard and one more process; its folder and the id of that process."""
    words = [sys.executable, "-c", DRIVER, str(parent), how, mark]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    folder, pid = process.stdout.readline().split()
    return process, Path(folder), int(pid)


@pytest.mark.parametrize("mark", ["by variable", "by folder"])
def test_the_processes_of_a_killed_driver_end_and_its_folder_goes(mark: str, tmp_path: Path) -> None:
    driver, folder, pid = start_driver(tmp_path, "stay", mark)
    child = psutil.Process(pid)
    (other,) = [subprocess.Popen(["sleep", "600"], env={**os.environ, MARK: str(tmp_path / "another")})]
    assert wait_until(lambda: find_marked_processes(folder) == [child]), "its variables show a moment after its start"
    kill([driver.pid])
    driver.wait()
    assert wait_until(lambda: not child.is_running() and not folder.exists())
    assert other.poll() is None
    other.kill()
    other.wait()


def test_a_driver_that_ends_in_order_takes_its_guard_along(tmp_path: Path) -> None:
    driver, folder, _ = start_driver(tmp_path, "go", "by variable")
    guards = [process for process in psutil.process_iter() if str(folder) in read_command(process)]
    assert driver.wait(timeout=LIMIT) == 0
    assert all(not process.is_running() for process in guards)


def read_command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
