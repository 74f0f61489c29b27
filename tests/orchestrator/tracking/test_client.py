"""The temporary files of W&B's library do not outlive a process that is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.temporary import PREFIX, remove_dead_folders

USE = """
import os, signal, sys, tempfile
from orchestrator.tracking.client import import_wandb, keep_temporary_files
wandb = import_wandb()
with keep_temporary_files():
    tempfile.mkdtemp()
assert tempfile.gettempdir() == os.environ["TMPDIR"]
if sys.argv[1] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("end", ["killed", "ended"])
def test_they_lie_in_a_folder_that_the_next_start_removes(end: str, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", USE, end], env=os.environ | {"TMPDIR": str(tmp_path)}, check=False, timeout=60
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
