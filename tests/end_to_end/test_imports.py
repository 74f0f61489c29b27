"""A launch in a folder of somebody else's: nothing that lies there is imported, by no process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.checkout import ROOT
from tests.support.clusters import head
from tests.support.harness import LIMIT, ONE, ended

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

SPACE = """
description: a few stages, so that what is tested is where their code comes from
dataset: {name: digits, image_size: 16, train_examples: 100, split: {test: 0.1}}
model: {name: resnet8}
train: {epochs: 1, batch_size: 50, optimizer: {name: sgd, lr: 0.1}}
prune: {ratio: 0.5}
attack: {name: fgsm, eps: {grid_search: [0, 16/255]}, examples: 50}
"""
FINISHED = "2 trials, 2 finished, 0 failed, 0 not run"
ENDINGS = ["raise ImportError('of somebody else')", "import os; os._exit(3)", "", "while True: pass"]
NAMES = ["tasks", "random", "torch", "orchestrator", "search_spaces", "runpy", "typing", "multiprocessing", "logging",
         "default_worker", "sitecustomize", "pyarrow", "numpy"]  # fmt: skip


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder of modules that leave a mark, and then fail, end the process, go on or never end."""
    folder = tmp_path / "hostile"
    folder.mkdir()
    (folder / "where.yaml").write_text(SPACE)
    for number, name in enumerate(NAMES):
        mark = f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r} + '\\n')\n"
        (folder / f"{name}.py").write_text(mark + ENDINGS[number % len(ENDINGS)] + "\n")
    return folder


def launch(command: list[str], folder: Path, *more: str, env: dict[str, str] | None = None) -> str:
    """Launch the space of a folder in that folder; what was shown."""
    words = ["launch", "--space", "where.yaml", "--storage", "../storage", *ONE, *more]
    done = subprocess.run(
        [*command, *words], cwd=folder, env=env, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_private_ray_imports_nothing_of_the_folder_of_the_launch(hostile: Path, tmp_path: Path) -> None:
    shown = launch([str(Path(sys.executable).with_name("advsweep"))], hostile)
    assert FINISHED in shown
    assert len(ended(tmp_path / "storage")) == 4
    assert not (tmp_path / "ran").exists(), (tmp_path / "ran").read_text()


def test_the_module_and_the_nodes_of_a_cluster_import_nothing_of_it_either(hostile: Path, tmp_path: Path) -> None:
    (hostile / "runpy.py").unlink()  # Python itself imports it for `-m`, before any module
    with head() as started:
        address = ["--address", started.address, "--wandb", "disabled"]
        shown = launch([sys.executable, "-m", "advsweep"], hostile, *address, env=started.environment)
    assert FINISHED in shown
    assert not (tmp_path / "ran").exists(), (tmp_path / "ran").read_text()


def test_a_checkout_is_run_from_its_own_folder_whatever_is_installed(tmp_path: Path) -> None:
    for package in ("advsweep", "tasks"):
        (tmp_path / package).symlink_to(ROOT / package)
    code = "import sys, os; sys.argv = ['-m']; sys.path.insert(0, os.getcwd()); import advsweep, tasks; print(tasks)"
    asked = [sys.executable, "-c", code]
    shown = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert str(tmp_path) in shown
