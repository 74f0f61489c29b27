"""A launch in a folder of somebody else's, into a storage and with temporary files whose paths have 200 characters.

In such paths no socket can have a name; and nothing that lies in such a folder is imported, by no process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.command_line import run_here
from tests.support.harness import LIMIT, ONE, ended, rows
from tests.support.hostile import make_hostile_folder

pytestmark = [pytest.mark.slow, pytest.mark.cluster]

LONG = 200


class Launched(NamedTuple):
    """The launch."""

    done: subprocess.CompletedProcess[str]
    storage: Path
    mark: Path
    """Where a module of the folder says that it was imported."""


def lengthen(folder: Path) -> Path:
    """A folder below it whose path has 200 characters."""
    while len(str(folder)) < LONG - 101:
        folder = folder / ("x" * 90)
    return folder / ("y" * (LONG - len(str(folder)) - 1))


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Launched:
    """Every process is an interpreter of its own."""
    folder = tmp_path_factory.mktemp("launched")
    hostile, mark = make_hostile_folder(folder / "hostile", folder / "ran"), folder / "ran"
    storage, temporary = lengthen(folder / "storage"), lengthen(folder / "temporary")
    assert len(str(storage)) == len(str(temporary)) == LONG
    temporary.mkdir(parents=True)
    command = [str(Path(sys.executable).with_name("advsweep")), "launch", "--space", "where.yaml"]
    done = subprocess.run(
        [*command, "--storage", os.path.relpath(storage, hostile), *ONE], cwd=hostile,
        env=os.environ | {"TMPDIR": str(temporary)}, capture_output=True, text=True, check=False, timeout=LIMIT,
    )  # fmt: skip
    return Launched(done, storage, mark)


def test_a_sweep_in_a_storage_with_a_long_path(launched: Launched) -> None:
    shown = launched.done.stdout + launched.done.stderr
    assert launched.done.returncode == 0, shown
    assert "W&B" not in shown, "nothing about it failed"
    assert [row["status"] for row in rows(launched.storage)] == ["finished"] * 2
    assert list(launched.storage.glob("sweeps/*/wandb/wandb/offline-run-*"))
    for command in (["status"], ["results", "where"], ["report", "where", "--formats", "svg"], ["clean"]):
        read = run_here(*command, "--storage", launched.storage)
        assert (read.code, read.stderr) == (0, ""), command


def test_a_private_ray_imports_nothing_of_the_folder_of_the_launch(launched: Launched) -> None:
    assert "2 trials, 2 finished, 0 failed, 0 not run" in launched.done.stdout
    assert len(ended(launched.storage)) == 4
    assert not launched.mark.exists(), launched.mark.read_text()
