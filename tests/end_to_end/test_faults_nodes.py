"""Nodes that die, come, and are taken away under a real sweep on a cluster of several nodes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.clusters import alive
from tests.support.harness import LIMIT, ONE, advsweep, executions, start, wait_until
from tests.support.node_sweep import PART, SMALLER, command, run_undisturbed, whole
from tests.support.nodes import Nodes, nodes_on_loopback
from tests.support.where import begin

pytestmark = [pytest.mark.cluster, pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(900)]

NOTICED = "does not answer"
"""What a driver says of a storage that it has asked several times."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Nodes]:
    with nodes_on_loopback() as nodes:
        yield nodes


def nodes_used(storage: Path, since: float = 0.0) -> set[str]:
    """Ids of the nodes on which something was started after a moment."""
    return {entry["node"] for entry in executions(storage) if entry["event"] == "start" and entry["time"] > since}


def in_mid_stage(storage: Path, node: str) -> bool:
    """Whether a stage runs on a node that has written a checkpoint."""
    mine = [entry for entry in executions(storage) if entry["node"] == node]
    running = {entry["key"] for entry in mine if entry["event"] == "start"}
    running -= {entry["key"] for entry in mine if entry["event"] == "end"}
    return any((storage / "checkpoints" / f"{key}.safetensors").exists() for key in running)


def status(storage: Path) -> dict[str, int]:
    """What `advsweep status` says of the one sweep of a storage."""
    (facts,) = json.loads(advsweep("status", "--storage", storage, "--json").stdout)
    return {name: facts[name] for name in ("trials", "finished", "failures", "preemptions")}


def test_a_node_that_dies_in_mid_epoch_loses_nothing(cluster: Nodes, tmp_path: Path) -> None:
    space, reference = run_undisturbed(PART)
    storage = tmp_path / "storage"
    doomed = cluster.add()
    driver = start(*command(space, storage, cluster), *SMALLER)
    assert wait_until(lambda: in_mid_stage(storage, doomed.node_id))
    cluster.kill(doomed)
    other = cluster.add()
    assert driver.wait(timeout=LIMIT) == 0
    whole(storage, reference)
    assert other.node_id in nodes_used(storage)
    assert status(storage) == {"trials": 4, "finished": 4, "failures": 0, "preemptions": 1}
    cluster.kill(other)


def test_a_new_node_gets_work_and_one_that_is_drained_gets_none(cluster: Nodes, tmp_path: Path) -> None:
    space, reference = run_undisturbed()
    storage = tmp_path / "storage"
    first = cluster.add()
    driver = start(*command(space, storage, cluster))

    def reach(event: Callable[[], bool]) -> bool:
        """Whether the sweep comes to that point, and does not end before."""
        return wait_until(lambda: event() or driver.poll() is not None) and event()

    assert reach(lambda: bool(executions(storage)))
    second = cluster.add()
    assert reach(lambda: second.node_id in nodes_used(storage)), "the node that came got work"
    assert reach(lambda: in_mid_stage(storage, first.node_id))
    cluster.drain(first, LIMIT)
    used = {entry["pid"] for entry in executions(storage) if entry["node"] == first.node_id}
    assert wait_until(lambda: not alive(used)), "its worker ends what it has begun, and goes"
    left = time.time()
    assert reach(lambda: bool(nodes_used(storage, left)))
    cluster.kill(first)
    assert driver.wait(timeout=LIMIT) == 0
    whole(storage, reference)
    assert nodes_used(storage, left) <= {second.node_id}
    found = status(storage)
    assert (found["finished"], found["failures"], found["preemptions"]) == (8, 0, 0)
    cluster.kill(second)


def test_a_storage_that_is_gone_for_a_while_is_waited_for(tmp_path: Path) -> None:
    space, reference = run_undisturbed(PART)
    storage, away, log = tmp_path / "storage", tmp_path / "away", tmp_path / "log"
    launch: list[str | Path] = ["launch", "--space", space, "--storage", storage, "--wandb", "disabled", *SMALLER, *ONE]
    driver = begin(*launch, env=os.environ, log=log)
    assert wait_until(lambda: bool(list(storage.glob("checkpoints/[!.]*"))))
    storage.rename(away)
    assert wait_until(lambda: NOTICED in log.read_text() or driver.poll() is not None)
    assert driver.poll() is None, "it waits"
    assert not storage.exists(), "nothing is written where the storage is missing"
    away.rename(storage)
    assert driver.wait(timeout=LIMIT) == 0
    whole(storage, reference)
    found = status(storage)
    assert (found["finished"], found["failures"], found["preemptions"]) == (4, 0, 0)
