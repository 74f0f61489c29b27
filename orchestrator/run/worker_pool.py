"""A pool of Ray actors per class of resources, grown and shrunk with the stages that are ready.

An actor holds its CPUs and GPUs only while the pool has work for its class: what is idle while another class waits
for resources is given back, and a pending actor is what an autoscaler sees as demand. A node that is about to be
taken away gets nothing more to do; what runs there goes on until it ends or the node does.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import ray
from ray.exceptions import RayError

from orchestrator.cluster.node_watch import MemoryInquiries, list_draining_nodes
from orchestrator.run.failures import LOST, FailureKind, StageTimeoutError
from orchestrator.run.job_graph import JobNode
from orchestrator.run.job_run import JobResult, Worker, release_job, with_memory_verdict
from orchestrator.run.worker import StageWorker, WorkerSettings
from orchestrator.run.worker_starts import WorkerStarts
from orchestrator.space.resources import Resources

MOST_PENDING = 256
"""Actors that are asked for at a time: enough for an autoscaler to see, few enough for Ray to place quickly."""
LOOK_INTERVAL = 1.0
"""Seconds between two looks at which nodes are being drained."""


class WorkerPool:
    """Actors that are starting, idle or busy."""

    def __init__(
        self,
        settings: WorkerSettings,
        largest: int,
        worker: type[StageWorker] = StageWorker,
        find_shortage: Callable[[], str | None] = lambda: None,
    ) -> None:
        """:param largest: actors that may exist at the same time.
        :param find_shortage: says why memory is short where actors are to start, if it is and that is known.
        """
        self._settings = settings
        self.largest = largest
        self._remote = ray.remote(max_restarts=0, max_task_retries=0)(worker)
        self._starting: dict[Any, Worker] = {}
        self._busy: dict[Any, Worker] = {}
        self._idle: list[Worker] = []
        self._inquiries: MemoryInquiries[JobResult] = MemoryInquiries()
        self._draining: set[str] = set()
        self._next_look = 0.0
        self._starts = WorkerStarts(find_shortage)

    @property
    def is_starting(self) -> bool:
        """Whether an actor has been asked for and is not up yet."""
        return bool(self._starting)

    @property
    def start_problem(self) -> str | None:
        """Why no actor will come up, once that is clear."""
        return self._starts.problem

    def find_standstill(self) -> str | None:
        """What to tell the user, now and then, while no actor comes up."""
        return self._starts.find_standstill(len(self._busy) + len(self._idle), len(self._starting))

    def __len__(self) -> int:
        return len(self._starting) + len(self._busy) + len(self._idle)

    def resize(self, wanted: Mapping[Resources, int]) -> None:
        """Start actors for the ready jobs that no idle or starting actor will take; give back what blocks them.

        :param wanted: how many ready jobs hold which resources, the most urgent first.
        """
        supply = Counter(worker.resources for worker in (*self._idle, *self._starting.values()))
        lacking = {resources: count - supply[resources] for resources, count in wanted.items()}
        satisfied = all(count <= 0 for count in lacking.values())
        if not wanted or (satisfied and not self._starting):
            return
        self._give_back(wanted)
        if satisfied or not self._starts.allowed:
            return
        for resources, count in lacking.items():
            room = min(self.largest - len(self), MOST_PENDING - len(self._starting))
            for _ in range(min(count, room)):
                self._start(resources)

    def _give_back(self, wanted: Mapping[Resources, int]) -> None:
        """End the actors of classes without work: those that are idle, and those that would come up before others."""
        for worker in [idle for idle in self._idle if idle.resources not in wanted]:
            self._idle.remove(worker)
            self._kill(worker)
        for ref in [ref for ref, worker in self._starting.items() if worker.resources not in wanted]:
            self._kill(self._starting.pop(ref))

    def _start(self, resources: Resources) -> None:
        options = {"num_cpus": resources.cpus, "num_gpus": resources.gpus}
        actor = self._remote.options(**options).remote(self._settings, resources.threads)
        self._starting[actor.describe_place.remote()] = Worker(actor, resources)

    def idle_resources(self) -> set[Resources]:
        """What the idle actors hold."""
        return {worker.resources for worker in self._idle}

    def submit(self, node: JobNode, resources: Resources, limit: float | None = None) -> str:
        """Run a job on an idle actor with these resources; where that is.

        :param limit: seconds after which the run is ended.
        """
        worker = next(worker for worker in self._idle if worker.resources == resources)
        self._idle.remove(worker)
        worker.node, worker.since, worker.limit = node, time.monotonic(), limit
        self._busy[worker.actor.run.remote(node.job.stages)] = worker
        return worker.where

    def wait(self, timeout: float) -> list[JobResult]:
        """The runs that ended within the timeout; actors that came up become idle on the way.

        :param timeout: seconds.
        """
        self._leave_draining_nodes()
        refs = [*self._busy, *self._starting, *self._inquiries.refs]
        if not refs:
            time.sleep(min(timeout, 0.05))
            return []
        done, _ = ray.wait(refs, num_returns=1, timeout=timeout)
        if done:
            done, _ = ray.wait(refs, num_returns=len(refs), timeout=0)
        ended = [self._collect(ref) for ref in done if ref in self._busy or ref in self._starting]
        ended += [
            with_memory_verdict(found, out_of_memory) for found, out_of_memory in self._inquiries.collect_answers()
        ]
        return [found for found in [*ended, *self._end_late_runs()] if found is not None]

    def _collect(self, ref: Any) -> JobResult | None:
        if ref in self._starting:
            self._admit(ref, self._starting.pop(ref))
            return None
        worker = self._busy.pop(ref)
        node = release_job(worker)
        try:
            records = ray.get(ref)
        except LOST as error:
            self._kill(worker)  # it may only have been out of reach: its run must not go on beside the next one
            return self._settle_loss(JobResult(worker, node, error=error))
        except Exception as error:
            ended = JobResult(worker, node, error=error)
            self._keep(worker, fresh=ended.ending is FailureKind.NO_MEMORY)
            return ended
        self._keep(worker)
        return JobResult(worker, node, records)

    def _settle_loss(self, ended: JobResult) -> JobResult | None:
        """The end of a run whose worker is gone; null while its node is asked whether memory was the reason."""
        place = ended.worker.place
        if ended.ending is not FailureKind.PREEMPTED or place is None or place.oom_kills is None:
            return ended
        out_of_memory = self._inquiries.ask(place.node_id, place.oom_kills, ended)
        return None if out_of_memory is None else with_memory_verdict(ended, out_of_memory)

    def _end_late_runs(self) -> list[JobResult]:
        """End the runs that have taken longer than they may, with their workers."""
        found = []
        for ref, worker in [(ref, worker) for ref, worker in self._busy.items() if worker.is_late]:
            del self._busy[ref]
            self._kill(worker)
            error = StageTimeoutError(f"timed out after {worker.limit:g} s")
            found.append(JobResult(worker, release_job(worker), error=error))
        return found

    def _keep(self, worker: Worker, *, fresh: bool = False) -> None:
        """Keep a worker for the next job, unless its process or its node should not have one."""
        if fresh or (worker.place and worker.place.node_id in self._draining):
            self._kill(worker)
        else:
            self._idle.append(worker)

    def _leave_draining_nodes(self) -> None:
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + LOOK_INTERVAL
        self._draining = list_draining_nodes()
        if self._draining:
            idle, self._idle = self._idle, []
            for worker in idle:
                self._keep(worker)

    def _admit(self, ref: Any, worker: Worker) -> None:
        try:
            worker.place = ray.get(ref)
        except RayError as error:
            self._kill(worker)
            self._starts.note_failure(error)
            return
        self._starts.note_success()
        self._keep(worker)

    def _kill(self, worker: Worker) -> None:
        ray.kill(worker.actor, no_restart=True)

    def close(self) -> None:
        """End every actor, whatever it does."""
        for worker in [*self._starting.values(), *self._busy.values(), *self._idle]:
            self._kill(worker)
        self._starting, self._busy, self._idle = {}, {}, []
