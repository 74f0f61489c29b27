"""Whose modules are imported where there are several."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkout import ROOT

pytestmark = pytest.mark.slow


def test_a_checkout_is_run_from_its_own_folder_whatever_is_installed(tmp_path: Path) -> None:
    for package in ("advsweep", "tasks"):
        (tmp_path / package).symlink_to(ROOT / package)
    code = "import sys, os; sys.argv = ['-m']; sys.path.insert(0, os.getcwd()); import advsweep, tasks; print(tasks)"
    asked = [sys.executable, "-c", code]
    shown = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert str(tmp_path) in shown
