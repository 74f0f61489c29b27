"""A driver is asked to end after the one who started it; a stranger with its process id is not."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

from orchestrator.remote.keeper import terminate_if_same
from tests.support.harness import LIMIT, kill

STARTER = """
import subprocess, time
from orchestrator.remote.keeper import keep
child = subprocess.Popen(["sleep", "600"], start_new_session=True)
keeper = keep(child.pid)
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.slow
def test_a_driver_ends_after_the_one_who_started_it_was_killed() -> None:
    starter = subprocess.Popen([sys.executable, "-c", STARTER], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    child = psutil.Process(int(starter.stdout.readline()))
    kill([starter.pid])
    starter.wait()
    child.wait(timeout=LIMIT)
    assert not child.is_running()


def test_a_stranger_who_has_the_process_id_by_now_is_left_alone() -> None:
    stranger = subprocess.Popen(["sleep", "600"])
    created = psutil.Process(stranger.pid).create_time()
    terminate_if_same(stranger.pid, created - 60)
    assert stranger.poll() is None
    terminate_if_same(stranger.pid, created)
    assert stranger.wait(timeout=LIMIT) == -15
