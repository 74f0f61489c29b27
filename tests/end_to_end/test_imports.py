"""A launch in a folder of somebody else's: nothing that lies there is imported, by no process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkout import ROOT
from tests.support.harness import LIMIT, ONE, ended
from tests.support.hostile import make_hostile_folder

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

FINISHED = "2 trials, 2 finished, 0 failed, 0 not run"


def test_a_private_ray_imports_nothing_of_the_folder_of_the_launch(tmp_path: Path) -> None:
    hostile, mark = make_hostile_folder(tmp_path / "hostile", tmp_path / "ran"), tmp_path / "ran"
    command = [str(Path(sys.executable).with_name("advsweep"))]
    words = ["launch", "--space", "where.yaml", "--storage", "../storage", *ONE]
    done = subprocess.run([*command, *words], cwd=hostile, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert FINISHED in done.stdout
    assert len(ended(tmp_path / "storage")) == 4
    assert not mark.exists(), mark.read_text()


def test_a_checkout_is_run_from_its_own_folder_whatever_is_installed(tmp_path: Path) -> None:
    for package in ("advsweep", "tasks"):
        (tmp_path / package).symlink_to(ROOT / package)
    code = "import sys, os; sys.argv = ['-m']; sys.path.insert(0, os.getcwd()); import advsweep, tasks; print(tasks)"
    asked = [sys.executable, "-c", code]
    shown = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert str(tmp_path) in shown
