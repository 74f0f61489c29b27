"""Nodes that die, come, and are taken away under a real sweep on a cluster of several nodes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.clusters import alive
from tests.support.disturbed import undisturbed_sweep
from tests.support.harness import (
    LIMIT,
    advsweep,
    artifacts,
    ended,
    executions,
    kill,
    nothing_ran_after_it_was_finished,
    same,
    spawn,
    start,
    wait_until,
)
from tests.support.nodes import Nodes, nodes_on_loopback
from tests.support.where import begin

pytestmark = [pytest.mark.cluster, pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(900)]

SPACE = """
description: enough epochs to lose a node in
seed: {grid_search: [0, 1]}
dataset: {name: digits, image_size: 16, train_examples: 400, split: {test: 0.1}}
model: {name: resnet8}
train: {epochs: 8, batch_size: 16, optimizer: {name: sgd, lr: 0.05, momentum: 0.9}}
prune: {ratio: {grid_search: [0.2, 0.5]}}
finetune: {epochs: 12, batch_size: 16, optimizer: {name: sgd, lr: 0.02}}
attack: {name: pgd, eps: 16/255, steps: {grid_search: [2, 5]}, step_size: 4/255}
"""
NOTICED = "does not answer"
"""What a driver says of a storage that it has asked several times."""

LINE_OF_RAY = re.compile(r"\[\S+ \S+ E \d+ \d+\] task_manager\.cc:\d+: Failed to push error to driver")
"""What Ray's own code may write in the moment in which a head is lost, before anybody can know it."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Nodes]:
    with nodes_on_loopback() as nodes:
        yield nodes


@pytest.fixture
def undisturbed() -> tuple[Path, Path]:
    """The space, and the storage of a sweep that nothing happened to."""
    return undisturbed_sweep("nodes", SPACE)


def command(space: Path, storage: Path, nodes: Nodes) -> list[str | Path]:
    where: list[str | Path] = ["launch", "--space", space, "--storage", storage, "--address", nodes.address]
    return [*where, "--wandb", "disabled"]


def shown(arguments: Sequence[str | Path]) -> subprocess.Popen[str]:
    """Start a command whose output is kept, with little patience for a lost head."""
    return spawn(
        arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "ADVSWEEP_HEAD_TIMEOUT": "3"},
    )


def nodes_used(storage: Path, since: float = 0.0) -> set[str]:
    """Ids of the nodes on which something was started after a moment."""
    return {entry["node"] for entry in executions(storage) if entry["event"] == "start" and entry["time"] > since}


def in_mid_stage(storage: Path, node: str) -> bool:
    """Whether a stage runs on a node that has written a checkpoint."""
    mine = [entry for entry in executions(storage) if entry["node"] == node]
    running = {entry["key"] for entry in mine if entry["event"] == "start"}
    running -= {entry["key"] for entry in mine if entry["event"] == "end"}
    return any((storage / "checkpoints" / f"{key}.safetensors").exists() for key in running)


def whole(storage: Path, reference: Path) -> None:
    """Everything is there once, and is what an undisturbed sweep finds."""
    nothing_ran_after_it_was_finished(storage)
    assert set(ended(storage).values()) == {1}, "every finished stage ran once"
    same(storage, reference)
    assert artifacts(storage).keys() == artifacts(reference).keys()
    assert not list((storage / "checkpoints").iterdir())


def status(storage: Path) -> dict[str, int]:
    """What `advsweep status` says of the one sweep of a storage."""
    (facts,) = json.loads(advsweep("status", "--storage", storage, "--json").stdout)
    return {name: facts[name] for name in ("trials", "finished", "failures", "preemptions")}


def test_a_node_that_dies_in_mid_epoch_loses_nothing(
    cluster: Nodes, undisturbed: tuple[Path, Path], tmp_path: Path
) -> None:
    space, reference = undisturbed
    storage = tmp_path / "storage"
    doomed = cluster.add()
    driver = start(*command(space, storage, cluster))
    assert wait_until(lambda: in_mid_stage(storage, doomed.node_id))
    cluster.kill(doomed)
    other = cluster.add()
    assert driver.wait(timeout=LIMIT) == 0
    whole(storage, reference)
    assert other.node_id in nodes_used(storage)
    assert status(storage) == {"trials": 8, "finished": 8, "failures": 0, "preemptions": 1}
    cluster.kill(other)


def test_a_new_node_gets_work_and_one_that_is_drained_gets_none(
    cluster: Nodes, undisturbed: tuple[Path, Path], tmp_path: Path
) -> None:
    space, reference = undisturbed
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


def test_a_storage_that_is_gone_for_a_while_is_waited_for(undisturbed: tuple[Path, Path], tmp_path: Path) -> None:
    space, reference = undisturbed
    storage, away, log = tmp_path / "storage", tmp_path / "away", tmp_path / "log"
    launch: list[str | Path] = ["launch", "--space", space, "--storage", storage, "--wandb", "disabled"]
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
    assert (found["finished"], found["failures"], found["preemptions"]) == (8, 0, 0)


def test_a_killed_driver_a_lost_head_and_one_that_restarts_lose_nothing(
    undisturbed: tuple[Path, Path], tmp_path: Path
) -> None:
    space, reference = undisturbed
    storage = tmp_path / "storage"
    with nodes_on_loopback() as nodes:
        nodes.add()
        driver = shown(command(space, storage, nodes))
        assert wait_until(lambda: bool(executions(storage)))
        kill([driver.pid])
        _, err = driver.communicate(timeout=LIMIT)
        assert "nothing finished is lost: the same command continues" in err
        before = len(executions(storage))
        driver = shown(command(space, storage, nodes))
        assert wait_until(lambda: len(executions(storage)) > before)
        nodes.kill_head()
        out, err = driver.communicate(timeout=LIMIT)
    assert driver.returncode == 1, f"it did not wait until Ray gave up, which aborts it: {out}{err}"
    assert "the head of the cluster" in out
    assert "nothing finished is lost" in out
    own = [line for line in err.splitlines() if not LINE_OF_RAY.match(line)]
    assert not own, "no traceback, no second message"
    with nodes_on_loopback() as nodes:
        nodes.add()
        before = len(executions(storage))
        driver = shown(command(space, storage, nodes))
        assert wait_until(lambda: len(executions(storage)) > before)
        nodes.restart_head()
        out, err = driver.communicate(timeout=LIMIT)
    assert driver.returncode != 0, out + err
    assert "nothing finished is lost" in out + err
    with nodes_on_loopback() as nodes:
        nodes.add()
        advsweep(*command(space, storage, nodes))
    whole(storage, reference)
