"""The temporary files of W&B's library do not outlive a process that is killed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import pytest

from orchestrator.tracking import client
from tasks.environment import set_variables
from tasks.temporary import PREFIX, remove_dead_folders
from tests.support.harness import LIMIT

USE = """
import os, signal, sys, tempfile
from orchestrator.cli import app
from orchestrator.tracking.client import import_wandb, keep_temporary_files
wandb = import_wandb()
with keep_temporary_files():
    tempfile.mkdtemp()
assert tempfile.gettempdir() == os.environ["TMPDIR"]
if sys.argv[1] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[1] == "ends as a command":
    app.run = lambda: 0
    app.main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("end", ["killed", "ends", "ends as a command"])
def test_they_lie_in_a_folder_that_the_next_start_removes(end: str, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", USE, end], env=os.environ | {"TMPDIR": str(tmp_path)}, check=False, timeout=LIMIT
    )
    left = list(tmp_path.iterdir())
    if end == "killed":
        (folder,) = left
        assert folder.name.startswith(PREFIX)
        assert {file.name[-9:] for file in folder.iterdir()} >= {"artifacts", "ndb-media"}
    else:
        assert not left
    remove_dead_folders(tmp_path)
    assert not list(tmp_path.iterdir())


def test_threads_share_the_folder_and_the_last_one_to_leave_gives_it_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    first, second = contextlib.ExitStack(), contextlib.ExitStack()
    first.enter_context(client.keep_temporary_files())
    second.enter_context(client.keep_temporary_files())
    first.close()
    assert tempfile.gettempdir() != str(tmp_path)
    second.close()
    assert tempfile.gettempdir() == str(tmp_path)


def test_a_thread_that_outlives_a_sweep_does_not_bring_the_folder_of_its_ray_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(client, "LONGEST_FOLDER", 1000)  # however long the names of these tests are
    waiting = contextlib.ExitStack()
    with set_variables({"TMPDIR": str(tmp_path / "ray")}):
        with client.keep_temporary_files():
            assert os.environ["TMPDIR"] not in (str(tmp_path), str(tmp_path / "ray"))
        assert os.environ["TMPDIR"] == str(tmp_path / "ray")
        waiting.enter_context(client.keep_temporary_files())
    waiting.close()
    assert os.environ["TMPDIR"] == str(tmp_path), "that of Ray is gone with it"


@pytest.mark.parametrize(("longest", "named"), [(1000, True), (3, False)])
def test_a_variable_that_was_not_there_is_gone_again_and_a_long_name_is_no_place_for_a_socket(
    longest: int, named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr(client, "LONGEST_FOLDER", longest)
    with client.keep_temporary_files():
        assert tempfile.gettempdir() != str(tmp_path)
        assert os.environ.get("TMPDIR") == (tempfile.gettempdir() if named else None)
    assert "TMPDIR" not in os.environ
    assert tempfile.gettempdir() == str(tmp_path)


def test_what_somebody_declared_for_a_job_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody could have, nothing is there afterwards either."""
    monkeypatch.delitem(sys.modules, client.JOB_INPUTS, raising=False)
    with client.leave_out_jobs():
        sys.modules[client.JOB_INPUTS].StagedLaunchInputs().apply("a run")
    assert client.JOB_INPUTS not in sys.modules
    declared = ModuleType(client.JOB_INPUTS)
    monkeypatch.setitem(sys.modules, client.JOB_INPUTS, declared)
    with client.leave_out_jobs():
        assert sys.modules[client.JOB_INPUTS] is declared
    assert sys.modules[client.JOB_INPUTS] is declared
