"""The state of every job: which may run, which comes first, which is lost with another. Plain data."""

from __future__ import annotations

import heapq
import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from orchestrator.plan.plan import Job
from orchestrator.run.failures import FailureKind
from tasks.kinds import Kind

Need = tuple[Kind, bool]
"""What a job needs to run: what its kind holds, and whether that is to be a whole GPU in the place of a share."""


class JobState(Enum):
    """Where a job stands."""

    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    BLOCKED = "blocked"
    """Something that it builds on failed."""


@dataclass
class JobNode:
    """A job in the graph."""

    job: Job
    priority: float
    missing: int
    """Upstream jobs that are not done yet."""
    state: JobState = JobState.WAITING
    ended: Counter[FailureKind] = field(default_factory=Counter)
    """How its runs ended that were no success."""
    whole_gpu: bool = False
    """Whether it is to have a GPU alone, since a share had too little memory."""
    error: str | None = None

    @property
    def need(self) -> Need:
        """What it needs to run."""
        return self.job.kind, self.whole_gpu


class JobGraph:
    """Jobs by state; ready ones come out by longest remaining path."""

    def __init__(self, jobs: Sequence[Job], priorities: Mapping[str, float], have: Collection[str] = ()) -> None:
        """:param have: keys of stages that are in the store already."""
        producer = {stage.key: job.id for job in jobs for stage in job.stages}
        self._after: dict[str, list[JobNode]] = defaultdict(list)
        self._order = itertools.count()
        self._ready: dict[Need, list[tuple[float, int, JobNode]]] = defaultdict(list)
        self._running = 0
        self.nodes: dict[str, JobNode] = {}
        for job in jobs:
            lost = [key for key in job.upstream if key not in producer and key not in have]
            assert not lost, f"job {job.id} builds on stages that nothing makes: {lost}"
            sources = {producer[key] for key in job.upstream if key in producer}
            node = self.nodes[job.id] = JobNode(job, priorities[job.id], len(sources))
            for source in sources:
                self._after[source].append(node)
        self._ends = sum(not self._after[name] for name in self.nodes)
        for node in self.nodes.values():
            if not node.missing:
                self._make_ready(node)

    def _make_ready(self, node: JobNode, *, first: bool = False) -> None:
        node.state = JobState.READY
        urgency = math.inf if first else node.priority
        heapq.heappush(self._ready[node.need], (-urgency, next(self._order), node))

    def count_ready(self) -> dict[Need, int]:
        """How many jobs of each need may run, that of the most urgent job first."""
        heads = sorted((heap[0][:2], need) for need, heap in self._ready.items() if heap)
        return {need: len(self._ready[need]) for _, need in heads}

    @property
    def most_beside(self) -> int:
        """How many jobs are ready, or may be while those that run now go on: as many as there are ends to reach."""
        return max(sum(len(heap) for heap in self._ready.values()), self._ends - self._running)

    @property
    def is_open(self) -> bool:
        """Whether anything is ready or running."""
        return self._running > 0 or any(self._ready.values())

    def take(self, runnable: Collection[Need]) -> JobNode | None:
        """The most urgent ready job whose need is among `runnable`; it runs from now on."""
        heaps = [heap for need in runnable if (heap := self._ready[need])]
        if not heaps:
            return None
        _, _, node = heapq.heappop(min(heaps, key=lambda heap: heap[0][:2]))
        node.state = JobState.RUNNING
        self._running += 1
        return node

    def requeue(self, node: JobNode) -> None:
        """Put a job that was running back among the ready ones, before all others."""
        self._running -= 1
        self._make_ready(node, first=True)

    def finish(self, node: JobNode) -> None:
        """Mark a job done; what waited for it alone becomes ready."""
        node.state = JobState.DONE
        self._running -= 1
        self._ends -= not self._after[node.job.id]
        for child in self._after[node.job.id]:
            child.missing -= 1
            if not child.missing and child.state is JobState.WAITING:
                self._make_ready(child)

    def fail(self, node: JobNode, error: str) -> list[JobNode]:
        """Mark a job failed and everything behind it blocked; returns the blocked ones."""
        node.state, node.error = JobState.FAILED, error
        self._running -= 1
        self._ends -= not self._after[node.job.id]
        cause = f"{node.job.kind} {node.job.stages[0].key[:12]} failed: {error}"
        blocked: list[JobNode] = []
        pending = list(self._after[node.job.id])
        while pending:
            child = pending.pop()
            if child.state is JobState.WAITING:
                child.state, child.error = JobState.BLOCKED, cause
                self._ends -= not self._after[child.job.id]
                blocked.append(child)
                pending += self._after[child.job.id]
        return blocked
