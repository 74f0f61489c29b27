"""A benchmark that is ended takes its Ray along."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from tests.support.clusters import alive, family
from tests.support.harness import LIMIT, kill, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


def read_names(pids: set[int]) -> set[str]:
    return {psutil.Process(pid).name() for pid in alive(pids)}


def test_sigterm_leaves_no_process_and_no_folder() -> None:
    with tempfile.TemporaryDirectory(prefix="sc-", dir="/tmp") as folder:
        words = [sys.executable, "-m", "benchmarks", "scale", "--trials", "100", "--nodes", "1"]
        process = subprocess.Popen(
            words, env=os.environ | {"TMPDIR": folder}, start_new_session=True, stdout=subprocess.DEVNULL
        )
        assert wait_until(lambda: "raylet" in read_names(family(process.pid)) or process.poll() is not None, pause=0.3)
        seen = family(process.pid)
        process.terminate()
        assert process.wait(timeout=LIMIT) == 143
        gone = wait_until(lambda: not alive(seen))
        left = read_names(seen)
        kill(seen)
        assert gone, left
        assert not list(Path(folder).iterdir())
