"""One run of a job on a worker, from its start to its end."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.cluster.node import WorkerPlace
from orchestrator.run.failures import FailureKind, KilledForMemoryError, classify_failure
from orchestrator.run.job_graph import JobNode
from orchestrator.space.resources import Resources


@dataclass
class Worker:
    """One actor."""

    actor: Any
    resources: Resources
    place: WorkerPlace | None = None
    """Known once it is up."""
    node: JobNode | None = None
    """The job that it runs."""
    since: float = 0.0
    """When the run began, by the monotonic clock."""
    limit: float | None = None
    """Seconds that the run may take; null: as long as it wants."""

    @property
    def where(self) -> str:
        """Host and process id."""
        return f"{self.place.host} pid {self.place.pid}" if self.place else ""

    @property
    def is_late(self) -> bool:
        """Whether the run has taken longer than it may."""
        return self.limit is not None and time.monotonic() - self.since > self.limit


@dataclass(frozen=True)
class JobResult:
    """The end of one run: records, or what it died of."""

    worker: Worker
    node: JobNode
    records: list[dict[str, Any]] = field(default_factory=list)
    error: BaseException | None = None

    @property
    def ending(self) -> FailureKind:
        """How the run ended."""
        return classify_failure(self.error)


def release_job(worker: Worker) -> JobNode:
    """The job that a worker had."""
    node, worker.node = worker.node, None
    assert node is not None, "a busy worker has a job"
    return node


def with_memory_verdict(ended: JobResult, out_of_memory: bool) -> JobResult:
    """A lost run whose node has said whether it killed something for memory."""
    if not out_of_memory:
        return ended
    return replace(ended, error=KilledForMemoryError("its node's kernel killed its worker"))
