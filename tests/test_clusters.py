"""Clusters of tests leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.support.clusters import alive
from tests.support.harness import LIMIT, wait_until

STARTER = """
import os, sys, time
from tests.support.clusters import start_bound
process = start_bound(["sleep", "1000"], sys.stderr.buffer, os.environ)
print(process.pid, flush=True)
time.sleep(1000)
"""


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_what_a_test_has_started_ends_with_it_however_that_ends(ending: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", STARTER], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None, "it is a pipe"
        pid = int(starter.stdout.readline())
        try:
            assert alive({pid})
            starter.send_signal(ending)
            assert starter.wait(timeout=LIMIT) == -ending
            assert wait_until(lambda: not alive({pid}), 60), "it runs on"
        finally:
            starter.kill()
            if alive({pid}):
                os.kill(pid, signal.SIGKILL)
