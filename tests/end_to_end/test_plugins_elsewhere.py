"""Parts of a user's own where the checkout is not: on a cluster, and from a wheel in a fresh environment."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.checkout import ROOT
from tests.support.clusters import Head, head
from tests.support.harness import LIMIT, ONE, executions, rows
from tests.support.nodes import nodes_on_loopback
from tests.support.plugin_texts import SPACE, write_parts

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

FINISHED = "3 trials, 3 finished, 0 failed, 0 not run"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Head]:
    """A head of two CPUs with its dashboard and its Ray client server."""
    with head() as started:
        yield started


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A folder with a file for each kind of part, and a space that uses all of them."""
    folder = tmp_path / "lab"
    folder.mkdir()
    write_parts(folder)
    (folder / "space.yaml").write_text(SPACE)
    return folder


def launch(
    lab: Path, storage: Path, *more: str, python: str = sys.executable, env: Mapping[str, str] | None = None
) -> str:
    """Launch the space of a lab, with each file of it as a plugin; what was shown."""
    files = sorted(file.name for file in lab.glob("lab_*.py") if file.name != "lab_layers.py")
    words = ["launch", "--space", "space.yaml", "--storage", str(storage), "--wandb", "disabled", *more]
    words += [word for name in files for word in ("--plugin", name)]
    done = subprocess.run(
        [python, "-P", "-m", "advsweep", *words] if sys.version_info >= (3, 11) else [python, "-m", "advsweep", *words],
        cwd=lab, env=dict(env or os.environ), capture_output=True, text=True, timeout=LIMIT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("scheme", ["ray", "http"])
def test_own_parts_reach_a_driver_on_the_head_and_its_workers(
    scheme: str, cluster: Head, lab: Path, tmp_path: Path
) -> None:
    port = cluster.client if scheme == "ray" else cluster.dashboard
    storage = tmp_path / "storage"
    assert FINISHED in launch(lab, storage, *ONE, "--address", f"{scheme}://127.0.0.1:{port}", env=cluster.environment)
    found = rows(storage)
    assert {(row["model"], row["dataset"], row["status"]) for row in found} == {("tiny_cnn", "stripes", "finished")}
    assert {row["attack"] for row in found} == {"darken", "ifgsm", "advgan"}


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


def test_own_parts_run_from_a_wheel_here_and_on_two_nodes(lab: Path, tmp_path: Path) -> None:
    python = make_environment(tmp_path)
    code = "import advsweep, tasks; print(advsweep.__file__, tasks.__file__)"
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    asked = [python, "-c", code]
    places = subprocess.run(asked, cwd=lab, env=clean, capture_output=True, text=True, check=True).stdout.split()
    assert all(place.startswith(str(tmp_path / "env")) for place in places), places
    assert FINISHED in launch(lab, tmp_path / "here", *ONE, python=python, env=clean)
    with nodes_on_loopback() as nodes:
        for _ in range(2):
            nodes.add()
        seeds = ("--set", "seed={grid_search: [0, 1]}")
        shown = launch(lab, tmp_path / "there", "--address", nodes.address, *seeds, python=python, env=dict(os.environ))
    assert "6 trials, 6 finished, 0 failed, 0 not run" in shown
    assert len({entry["node"] for entry in executions(tmp_path / "there")}) == 2
    here = {row["trial_id"]: row["robust_correct"] for row in rows(tmp_path / "here")}
    there = {row["trial_id"]: row["robust_correct"] for row in rows(tmp_path / "there")}
    assert here == {trial_id: there[trial_id] for trial_id in here}
