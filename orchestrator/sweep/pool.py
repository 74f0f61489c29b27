"""A pool of Ray actors per class of resources, grown and shrunk with the stages that are ready.

An actor holds its CPUs and GPUs only while the pool has work for its class: what is idle while another class waits
for resources is given back, and a pending actor is what an autoscaler sees as demand.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import (
    ActorUnavailableError,
    NodeDiedError,
    OutOfMemoryError,
    RayActorError,
    WorkerCrashedError,
)

from orchestrator.resources import Resources
from orchestrator.sweep.graph import Node
from orchestrator.sweep.worker import StageWorker, WorkerSettings

LOST = (RayActorError, NodeDiedError, WorkerCrashedError, ActorUnavailableError, OutOfMemoryError)
"""What a run dies of when its worker or its node is gone: no failure of the stage."""
FIRST_DELAY, LONGEST_DELAY = 0.2, 10.0
"""Seconds between failed starts of actors; doubled after each."""


@dataclass
class Worker:
    """One actor."""

    actor: Any
    resources: Resources
    where: str = ""
    """Node and process id, once it is up."""
    node: Node | None = None
    """The job that it runs."""


@dataclass(frozen=True)
class Finished:
    """The end of one run: records, or what it died of."""

    worker: Worker
    node: Node
    records: list[dict[str, Any]] = field(default_factory=list)
    error: BaseException | None = None

    @property
    def lost(self) -> bool:
        """Whether the worker is gone, so that the run says nothing about the stage."""
        return isinstance(self.error, LOST)


class WorkerPool:
    """Actors that are starting, idle or busy."""

    def __init__(self, settings: WorkerSettings, largest: int, worker: type[StageWorker] = StageWorker) -> None:
        """:param largest: actors that may exist at the same time."""
        self._settings = settings
        self._largest = largest
        self._remote = ray.remote(max_restarts=0, max_task_retries=0)(worker)
        self._starting: dict[Any, Worker] = {}
        self._busy: dict[Any, Worker] = {}
        self._idle: list[Worker] = []
        self._delay = 0.0
        self._not_before = 0.0

    @property
    def starting(self) -> bool:
        """Whether an actor has been asked for and is not up yet."""
        return bool(self._starting)

    def __len__(self) -> int:
        return len(self._starting) + len(self._busy) + len(self._idle)

    def resize(self, wanted: Mapping[Resources, int]) -> None:
        """Start actors for the ready jobs that no idle or starting actor will take; give back what blocks them.

        :param wanted: how many ready jobs hold which resources, the most urgent first.
        """
        supply = Counter(worker.resources for worker in (*self._idle, *self._starting.values()))
        lacking = {resources: count - supply[resources] for resources, count in wanted.items()}
        if all(count <= 0 for count in lacking.values()) or time.monotonic() < self._not_before:
            return
        for worker in [idle for idle in self._idle if idle.resources not in wanted]:
            self._idle.remove(worker)
            self._kill(worker)
        for resources, count in lacking.items():
            for _ in range(min(count, self._largest - len(self))):
                self._start(resources)

    def _start(self, resources: Resources) -> None:
        options = {"num_cpus": resources.cpus, "num_gpus": resources.gpus}
        actor = self._remote.options(**options).remote(self._settings, resources.threads)
        self._starting[actor.ready.remote()] = Worker(actor, resources)

    def idle_resources(self) -> set[Resources]:
        """What the idle actors hold."""
        return {worker.resources for worker in self._idle}

    def submit(self, node: Node, resources: Resources) -> str:
        """Run a job on an idle actor with these resources; where that is."""
        worker = next(worker for worker in self._idle if worker.resources == resources)
        self._idle.remove(worker)
        worker.node = node
        self._busy[worker.actor.run.remote(node.job.stages)] = worker
        return worker.where

    def wait(self, timeout: float) -> list[Finished]:
        """The runs that ended within the timeout; actors that came up become idle on the way.

        :param timeout: seconds.
        """
        refs = [*self._busy, *self._starting]
        if not refs:
            time.sleep(min(timeout, 0.05))
            return []
        done, _ = ray.wait(refs, num_returns=1, timeout=timeout)
        if done:
            done, _ = ray.wait(refs, num_returns=len(refs), timeout=0)
        return [ended for ref in done if (ended := self._collect(ref)) is not None]

    def _collect(self, ref: Any) -> Finished | None:
        if ref in self._starting:
            self._came_up(ref, self._starting.pop(ref))
            return None
        worker = self._busy.pop(ref)
        node, worker.node = worker.node, None
        assert node is not None, "a busy worker has a job"
        try:
            records = ray.get(ref)
        except LOST as error:
            self._kill(worker)  # it may only have been out of reach: its run must not go on beside the next one
            return Finished(worker, node, error=error)
        except Exception as error:
            self._idle.append(worker)
            return Finished(worker, node, error=error)
        self._idle.append(worker)
        return Finished(worker, node, records)

    def _came_up(self, ref: Any, worker: Worker) -> None:
        try:
            worker.where = "{} pid {}".format(*ray.get(ref))
        except LOST:
            self._delay = min(max(FIRST_DELAY, 2 * self._delay), LONGEST_DELAY)
            self._not_before = time.monotonic() + self._delay
            self._kill(worker)
            return
        self._delay = 0.0
        self._idle.append(worker)

    def _kill(self, worker: Worker) -> None:
        ray.kill(worker.actor, no_restart=True)

    def close(self) -> None:
        """End every actor, whatever it does."""
        for worker in [*self._starting.values(), *self._busy.values(), *self._idle]:
            self._kill(worker)
        self._starting, self._busy, self._idle = {}, {}, []
