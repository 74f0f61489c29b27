"""Nodes that die, come, and are taken away under a real sweep on a cluster of several nodes."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.clusters import alive
from tests.support.harness import LIMIT, ONE, advsweep, ended, executions, start, wait_until
from tests.support.node_sweep import AS_ON_A_CLUSTER, command, run_undisturbed, whole
from tests.support.nodes import nodes_on_loopback
from tests.support.where import begin

pytestmark = [pytest.mark.cluster, pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(900)]

OF_ONE_SEED = 5
"""Stages that one node could run while another is held."""
NOTICED = "does not answer"
"""What a driver says of a storage that it has asked several times."""


def nodes_used(storage: Path, since: float = 0.0) -> set[str]:
    """Ids of the nodes on which something was started after a moment."""
    return {entry["node"] for entry in executions(storage) if entry["event"] == "start" and entry["time"] > since}


def in_mid_stage(storage: Path, node: str) -> bool:
    """Whether a stage runs on a node that has written a checkpoint."""
    mine = [entry for entry in executions(storage) if entry["node"] == node]
    running = {entry["key"] for entry in mine if entry["event"] == "start"}
    running -= {entry["key"] for entry in mine if entry["event"] == "end"}
    return any((storage / "checkpoints" / f"{key}.safetensors").exists() for key in running)


def workers_of(storage: Path, node: str) -> set[int]:
    """The processes in which stages were started on a node."""
    return {entry["pid"] for entry in executions(storage) if entry["node"] == node}


def status(storage: Path) -> dict[str, int]:
    """What `advsweep status` says of the one sweep of a storage."""
    (facts,) = json.loads(advsweep("status", "--storage", storage, "--json").stdout)
    return {name: facts[name] for name in ("trials", "finished", "failures", "preemptions")}


def test_a_node_that_dies_loses_nothing_new_ones_get_work_and_one_that_is_drained_gets_none(tmp_path: Path) -> None:
    space, reference = run_undisturbed()
    storage = tmp_path / "storage"
    with nodes_on_loopback() as cluster:
        doomed = cluster.add()
        driver = start(*command(space, storage, cluster))

        def reach(event: Callable[[], bool]) -> bool:
            """Whether the sweep comes to that point, and does not end before."""
            seen = [False]

            def look() -> bool:
                seen.append(event())
                return seen[-1] or driver.poll() is not None

            return wait_until(look) and seen[-1]

        def hold_in_mid_stage(node: Any) -> int:
            """Let the worker of a node wait in the middle of a stage; its process id."""
            assert reach(lambda: in_mid_stage(storage, node.node_id)), "a node that came got work"
            (pid,) = workers_of(storage, node.node_id)
            os.kill(pid, signal.SIGSTOP)
            return pid

        assert reach(lambda: in_mid_stage(storage, doomed.node_id))
        cluster.kill(doomed)
        drained = cluster.add()
        leaving = hold_in_mid_stage(drained)
        other = cluster.add()
        staying = hold_in_mid_stage(other)
        cluster.drain(drained, LIMIT)
        os.kill(leaving, signal.SIGCONT)
        assert reach(lambda: not alive({leaving}) or len(ended(storage)) == OF_ONE_SEED)
        assert not alive({leaving}), "it ends what it has begun, and goes"
        left = time.time()
        os.kill(staying, signal.SIGCONT)
        assert reach(lambda: bool(nodes_used(storage, left)))
        cluster.kill(drained)
        assert driver.wait(timeout=LIMIT) == 0
    whole(storage, reference)
    assert nodes_used(storage, left) == {other.node_id}
    assert status(storage) == {"trials": 4, "finished": 4, "failures": 0, "preemptions": 1}


def test_a_storage_that_is_gone_for_a_while_is_waited_for(tmp_path: Path) -> None:
    space, reference = run_undisturbed()
    storage, away, log = tmp_path / "storage", tmp_path / "away", tmp_path / "log"
    launch: list[str | Path] = ["launch", "--space", space, "--storage", storage, "--wandb", "disabled", *ONE]
    driver = begin(*launch, env=os.environ | AS_ON_A_CLUSTER, log=log)
    assert wait_until(lambda: bool(list(storage.glob("checkpoints/[!.]*"))))
    storage.rename(away)
    assert wait_until(lambda: NOTICED in log.read_text() or driver.poll() is not None)
    assert driver.poll() is None, "it waits"
    assert not storage.exists(), "nothing is written where the storage is missing"
    away.rename(storage)
    assert driver.wait(timeout=LIMIT) == 0
    whole(storage, reference)
    assert status(storage) == {"trials": 4, "finished": 4, "failures": 0, "preemptions": 0}
