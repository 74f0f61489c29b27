"""Drivers and heads that are lost under a real sweep on a cluster of several nodes."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.harness import LIMIT, ONE, advsweep, executions, kill, spawn, wait_until
from tests.support.node_sweep import AS_ON_A_CLUSTER, command, run_undisturbed, whole
from tests.support.nodes import nodes_on_loopback

pytestmark = [pytest.mark.cluster, pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(900)]

LINE_OF_RAY = re.compile(r"\[\S+ \S+ E \d+ \d+\] task_manager\.cc:\d+: Failed to push error to driver")
"""What Ray's own code may write in the moment in which a head is lost, before anybody can know it."""


def shown(arguments: Sequence[str | Path]) -> subprocess.Popen[Any]:
    """Start a command whose output is kept, with little patience for a lost head."""
    env = {**os.environ, "ADVSWEEP_HEAD_TIMEOUT": "3"}
    return spawn(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)


def test_a_killed_driver_a_lost_head_and_one_that_restarts_lose_nothing(tmp_path: Path) -> None:
    space, reference = run_undisturbed()
    storage = tmp_path / "storage"
    with nodes_on_loopback() as nodes:
        nodes.add()
        driver = shown([*command(space, storage, nodes), *ONE])
        assert wait_until(lambda: bool(executions(storage)))
        kill([driver.pid])
        _, err = driver.communicate(timeout=LIMIT)
        assert "nothing finished is lost: the same command continues" in err
        before = len(executions(storage))
        driver = shown([*command(space, storage, nodes), *ONE])
        assert wait_until(lambda: len(executions(storage)) > before)
        nodes.kill_head()
        out, err = driver.communicate(timeout=LIMIT)
    assert driver.returncode == 1, f"it did not wait until Ray gave up, which aborts it: {out}{err}"
    assert "the head of the cluster" in out
    assert "nothing finished is lost" in out
    own = [line for line in err.splitlines() if not LINE_OF_RAY.match(line)]
    assert not own, "no traceback, no second message"
    with nodes_on_loopback(cpus=1) as nodes:
        before = len(executions(storage))
        driver = shown([*command(space, storage, nodes), *ONE])
        assert wait_until(lambda: len(executions(storage)) > before)
        nodes.restart_head()
        out, err = driver.communicate(timeout=LIMIT)
    assert driver.returncode != 0, out + err
    assert "nothing finished is lost" in out + err
    last: list[str | Path] = ["launch", "--space", space, "--storage", storage, "--wandb", "disabled", *ONE]
    advsweep(*last, env=os.environ | AS_ON_A_CLUSTER)
    whole(storage, reference)
