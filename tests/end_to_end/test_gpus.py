"""Each worker sees the GPUs that Ray gave it, on a Ray whose GPUs are only pretended."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray

from orchestrator.cluster.connect import connect_cluster
from orchestrator.cluster.placement import place_stages, survey_machine
from orchestrator.plan.plan import Job
from orchestrator.run.job_graph import JobNode
from orchestrator.run.job_run import JobResult
from orchestrator.run.worker import StageWorker, WorkerSettings
from orchestrator.run.worker_pool import WorkerPool
from orchestrator.space.resources import Resources, ResourceTable
from tasks.devices import GPU_DEVICE, VISIBLE
from tasks.kinds import KINDS

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.usefixtures("pretended")]

GPUS = 4
LONGEST = 300.0
"""Seconds in which workers come up and answer, however busy the machine is."""


class SeeingWorker(StageWorker):
    """Says what it sees, instead of running stages."""

    def __init__(self, settings: WorkerSettings, threads: int) -> None:
        self._early = "torch" not in sys.modules
        super().__init__(settings, threads)
        self._claimed = os.environ[VISIBLE]

    def run(self, stages: Any) -> list[dict[str, Any]]:  # noqa: ARG002
        given = ray.get_runtime_context().get_accelerator_ids()["GPU"]
        seen = {"given": ",".join(given), "visible": os.environ[VISIBLE], "claimed": self._claimed}
        return [{**seen, "device": self._device, "early": self._early, "pid": os.getpid()}]


@pytest.fixture(scope="module")
def pretended() -> Iterator[None]:
    """A Ray of four GPUs, to which nothing corresponds; torch is to call them what it calls the CPU."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(GPU_DEVICE, "cpu")
        patch.setenv(VISIBLE, "0,1,2,3")
        with connect_cluster("local", cpus=32, gpus=GPUS):
            yield


def ask(folder: Path, asked: Resources, count: int) -> list[dict[str, Any]]:
    """What so many workers of a class see, all of them up at the same time."""
    pool = WorkerPool(WorkerSettings(str(folder), "sweep", None), count, SeeingWorker)
    ended: list[JobResult] = []
    try:
        until = time.monotonic() + LONGEST
        while len(pool._idle) < count and time.monotonic() < until:
            pool.resize({asked: count})
            pool.wait(1.0)
        for number in range(count):
            pool.submit(JobNode(Job(str(number), "train"), 1.0, number), asked)
        while len(ended) < count and time.monotonic() < until:
            ended += pool.wait(1.0)
    finally:
        pool.close()
    assert [result.error for result in ended] == [None] * count
    return [record for result in ended for record in result.records]


def check(seen: dict[str, Any]) -> None:
    assert seen["given"] == seen["claimed"] == seen["visible"]
    assert seen["early"], "what a worker may see must stand before torch looks"


def test_a_worker_of_each_kind_sees_what_ray_gave_it(tmp_path: Path) -> None:
    kinds = [kind for kind in KINDS if kind != "condition"]
    resources = place_stages(ResourceTable(), KINDS, "auto", survey_machine(32, GPUS)).resources
    held = {resources.of(kind): kind for kind in kinds}
    assert {asked.gpus > 0 for asked in held} == {True, False}
    for asked in held:  # kinds that hold the same share their workers
        (seen,) = ask(tmp_path, asked, 1)
        check(seen)
        assert len(seen["given"]) == (asked.gpus > 0), "one GPU, or none"
    assert [kind for kind in kinds if not resources.of(kind).gpus] == ["prune"]


def test_no_gpu_holds_more_workers_than_its_shares(tmp_path: Path) -> None:
    found = ask(tmp_path, Resources(cpus=0.1, gpus=0.5), 3)
    for seen in found:
        check(seen)
    taken = Counter(seen["given"] for seen in found)
    assert taken.keys() <= set("0123")
    assert max(taken.values()) <= 2
