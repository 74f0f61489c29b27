"""Whoever belongs to the Ray of a killed driver ends with it, and nobody else does."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from orchestrator.cluster import guard as guards
from orchestrator.cluster.guard import MARK, bury, find_marked_processes, guard, main
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


@pytest.mark.slow
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


def test_the_guard_stands_outside_of_the_ray_that_it_buries(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[Any, Any]] = []
    ended: list[str] = []
    process = SimpleNamespace(kill=lambda: ended.append("kill"), wait=lambda: ended.append("wait"))

    def start(*words: Any, **options: Any) -> Any:
        started.append((words, options))
        return process

    monkeypatch.setattr(guards, "start_python", start)
    monkeypatch.setenv(MARK, "/outer")
    with contextlib.suppress(KeyboardInterrupt), guard(Path("/made/folder")):
        assert not ended
        raise KeyboardInterrupt
    (((module, arguments), options),) = started
    assert (module, arguments) == (guards.__name__, ["/made/folder"])
    assert options.pop("environment") == {name: value for name, value in os.environ.items() if name != MARK}
    assert options == {"folder": Path("/"), "stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL,
                       "stderr": subprocess.DEVNULL, "start_new_session": True}  # fmt: skip
    assert ended == ["kill", "wait"]


def test_a_process_is_known_by_a_folder_that_is_gone_and_a_dead_one_by_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "ray"
    folder.mkdir()
    there = subprocess.Popen(["sleep", "600"], cwd=folder)
    dead = subprocess.Popen(["true"], cwd=folder)
    below = subprocess.Popen(["sleep", "600"], cwd=tmp_path)
    try:
        assert wait_until(lambda: psutil.Process(dead.pid).status() == psutil.STATUS_ZOMBIE)
        folder.rmdir()
        assert find_marked_processes(folder) == [psutil.Process(there.pid)]
    finally:
        for process in (there, below):
            process.kill()
        for process in (there, below, dead):
            process.wait()


def test_who_is_started_meanwhile_is_ended_too_but_nobody_tries_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[str] = []
    now = [100.0]

    def make(name: str, gone: bool = False) -> Any:
        def kill() -> None:
            killed.append(name)
            if gone:
                raise psutil.NoSuchProcess(1)

        return SimpleNamespace(kill=kill)

    def wait(left: list[Any], timeout: float) -> None:
        now[0] += timeout * len(left)

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(psutil, "wait_procs", wait)
    rounds = [[make("a", gone=True), make("b")], [make("c")], []]
    monkeypatch.setattr(guards, "find_marked_processes", lambda _: rounds.pop(0))
    bury(Path("/made"))
    assert (killed, rounds) == (["a", "b", "c"], [])
    stubborn, begun = make("d"), now[0]
    monkeypatch.setattr(guards, "find_marked_processes", lambda _: [stubborn])
    bury(Path("/made"))
    assert killed.count("d") == now[0] - begun == guards.LONGEST_BURIAL


def test_after_the_driver_its_ray_may_end_by_itself_before_it_is_buried(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    pipe = io.BytesIO(b"until the driver ends")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=pipe))
    monkeypatch.setattr(time, "sleep", lambda seconds: told.append((pipe.read(), seconds)))
    monkeypatch.setattr(guards, "bury", lambda folder: told.append(("bury", folder)))
    monkeypatch.setattr(guards, "remove_temporary_folder", lambda folder: told.append(("remove", folder)))
    main(Path("/made"))
    assert told == [(b"", 3.0), ("bury", Path("/made")), ("remove", Path("/made"))]
