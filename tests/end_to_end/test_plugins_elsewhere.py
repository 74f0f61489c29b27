"""Parts of a user's own where the checkout is not: from a wheel in a fresh environment, here and on two nodes."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.support.checkout import ROOT
from tests.support.harness import LIMIT, ONE, executions, rows
from tests.support.labs import FINISHED, launch_lab, make_lab
from tests.support.nodes import nodes_on_loopback

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


def make_environment(folder: Path) -> str:
    """The Python of an environment with advsweep from a wheel that was built now, and all that it depends on."""
    pytest.importorskip("hatchling", reason="pip install -e '.[dev]'")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=LIMIT)
    venv.create(folder / "env", with_pip=False, symlinks=True)
    python = folder / "env" / "bin" / "python"
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder / "env")}))
    with zipfile.ZipFile(next((folder / "dist").glob("*.whl"))) as wheel:
        wheel.extractall(packages)
    # as paths alone: a `.pth` file in them, which leads to this checkout, is not read
    beside = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (packages / "beside.pth").write_text("\n".join(beside))
    return str(python)


def test_own_parts_run_from_a_wheel_here_and_on_two_nodes(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "lab")
    python = make_environment(tmp_path)
    code = "import advsweep, tasks; print(advsweep.__file__, tasks.__file__)"
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    asked = [python, "-c", code]
    places = subprocess.run(asked, cwd=lab, env=clean, capture_output=True, text=True, check=True).stdout.split()
    assert all(place.startswith(str(tmp_path / "env")) for place in places), places
    assert FINISHED in launch_lab(lab, tmp_path / "here", *ONE, python=python, env=clean)
    with nodes_on_loopback(cpus=1) as nodes:
        nodes.add()
        seeds = ("--set", "seed={grid_search: [0, 1]}")
        shown = launch_lab(
            lab, tmp_path / "there", "--address", nodes.address, *seeds, python=python, env=dict(os.environ)
        )
    assert "6 trials, 6 finished, 0 failed, 0 not run" in shown
    assert len({entry["node"] for entry in executions(tmp_path / "there")}) == 2
    here = {row["trial_id"]: row["robust_correct"] for row in rows(tmp_path / "here")}
    there = {row["trial_id"]: row["robust_correct"] for row in rows(tmp_path / "there")}
    assert here == {trial_id: there[trial_id] for trial_id in here}
