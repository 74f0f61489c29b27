"""A lab: a folder with a user's own parts and a space of them, and a launch from it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.harness import LIMIT
from tests.support.plugin_texts import SPACE, WAITING, write_parts

ENDLESS = ("--set", "train.objective={name: waiting}")
"""A training that goes on until it is ended."""
FINISHED = "3 trials, 3 finished, 0 failed, 0 not run"


def make_lab(folder: Path) -> Path:
    """A folder with a file for each kind of part, and a space that uses all of them."""
    folder.mkdir()
    write_parts(folder)
    (folder / "lab_waiting.py").write_text(WAITING)
    (folder / "space.yaml").write_text(SPACE)
    return folder


def list_plugins(lab: Path) -> list[str]:
    """The words of a launch in the folder of a lab that load each file of it."""
    files = sorted(file.name for file in lab.glob("lab_*.py") if file.name != "lab_layers.py")
    return [word for name in files for word in ("--plugin", name)]


def launch_lab(
    lab: Path, storage: Path, *more: str, python: str = sys.executable, env: Mapping[str, str] | None = None
) -> str:
    """Launch the space of a lab, with each file of it as a plugin; what was shown."""
    words = ["launch", "--space", "space.yaml", "--storage", str(storage), "--wandb", "disabled", *more]
    words += list_plugins(lab)
    done = subprocess.run(
        [python, "-P", "-m", "advsweep", *words] if sys.version_info >= (3, 11) else [python, "-m", "advsweep", *words],
        cwd=lab, env=dict(env or os.environ), capture_output=True, text=True, timeout=LIMIT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
