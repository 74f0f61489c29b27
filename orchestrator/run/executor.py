"""The stage executor: every distinct job once, on a pool of actors, longest remaining path first.

A job's own errors, losses of its worker, and memory that runs out have a budget each. A job that fails takes what
depends on it along, and nothing else. The same error in the first few jobs of a kind stops all.
"""

from __future__ import annotations

import errno
import threading
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from orchestrator.run.failures import FailureKind, find_cause, format_message
from orchestrator.run.job_graph import JobGraph, JobNode, JobState, Need
from orchestrator.run.job_run import JobResult
from orchestrator.run.retry_policy import RetryPolicy
from orchestrator.run.worker_pool import WorkerPool
from orchestrator.space.resources import Resources, ResourceTable
from tasks.errors import StorageError
from tasks.kinds import KINDS, Kind
from tasks.trial.chain import Stage

Record = Mapping[str, Any]
POLL = 0.2
"""Seconds after which the executor looks up even if nothing ended."""
NEEDS: tuple[Need, ...] = tuple((kind, whole_gpu) for whole_gpu in (True, False) for kind in KINDS)


class Listener(Protocol):
    """Told what happens, in the executor's thread."""

    def on_started(self, stages: Sequence[Stage], where: str) -> None: ...

    def on_finished(self, stages: Sequence[Stage], records: Sequence[Record]) -> None: ...

    def on_failed(self, stages: Sequence[Stage], error: str, trace: str, retried: bool) -> None: ...

    def on_lost(self, stages: Sequence[Stage], error: str, retried: bool) -> None: ...

    def on_blocked(self, stages: Sequence[Stage], error: str) -> None: ...

    def on_standstill(self, message: str) -> None: ...


class StageExecutor:
    """Runs a job graph to its end."""

    def __init__(
        self,
        graph: JobGraph,
        pool: WorkerPool,
        resources: ResourceTable,
        listener: Listener,
        policy: RetryPolicy,
        *,
        eager: bool = False,
    ) -> None:
        """:param eager: start workers for jobs that are not ready yet; right where nobody else wants the machine."""
        self._graph = graph
        self._pool = pool
        self._resources = resources
        self._listener = listener
        self._policy = policy
        classes = {resources.of(node.job.kind) for node in graph.nodes.values()}
        self._early = classes.pop() if eager and len(classes) == 1 else None
        self._failures: dict[Kind, Counter[str]] = defaultdict(Counter)
        self._succeeded: set[Kind] = set()
        self._stop = threading.Event()
        self.workers_up = threading.Event()
        """Set once the first workers are up: until then nothing else should compete with their start."""
        self.stopped_by: str | None = None
        """Why the executor gave up before the end: a systematic failure, in one line."""

    @property
    def most_workers(self) -> int:
        """How many may exist at the same time."""
        return self._pool.largest

    def stop(self) -> None:
        """Start nothing more and return soon; runs in progress end with their workers."""
        self._stop.set()

    def close(self) -> None:
        """End every worker."""
        self._pool.close()

    def run(self) -> None:
        """Return when nothing is left to run, or after `stop`."""
        while self._graph.is_open and not self._stop.is_set() and self.stopped_by is None:
            self.dispatch()
            if not self._pool.is_starting:
                self.workers_up.set()
            for ended in self._pool.wait(POLL):
                self._settle(ended)
            if standstill := self._pool.find_standstill():
                self._listener.on_standstill(standstill)
            self.stopped_by = self.stopped_by or self._pool.start_problem
        if self.stopped_by is not None:
            self._give_up(self.stopped_by)
        self.workers_up.set()

    def dispatch(self) -> None:
        """Ask for the workers that the ready jobs need, and give jobs to those that are up."""
        wanted: Counter[Resources] = Counter()
        ready = self._graph.count_ready()
        for need, count in ready.items():
            wanted[self._find_resources(need)] += count
        usual = not any(whole_gpu for _, whole_gpu in ready)
        if self._early and usual and self.workers_up.is_set():
            # the workers of the critical path first: the others would slow them
            wanted = Counter({self._early: self._graph.most_beside})
        self._pool.resize(wanted)
        while idle := self._pool.idle_resources():
            node = self._graph.take([need for need in NEEDS if self._find_resources(need) in idle])
            if node is None:
                return
            limit = self._policy.timeouts.get(node.job.kind)
            where = self._pool.submit(node, self._find_resources(node.need), limit)
            self._listener.on_started(node.job.stages, where)

    def _find_resources(self, need: Need) -> Resources:
        kind, whole_gpu = need
        return self._resources.of(kind).with_whole_gpu() if whole_gpu else self._resources.of(kind)

    def _settle(self, ended: JobResult) -> None:
        node = ended.node
        if ended.error is None:
            self._succeeded.add(node.job.kind)
            self._graph.finish(node)
            self._listener.on_finished(node.job.stages, ended.records)
            return
        node.ended[ended.ending] += 1
        if ended.ending is FailureKind.PREEMPTED:
            self._settle_loss(node, type(ended.error).__name__)
        else:
            self._settle_failure(node, ended.ending, ended.error)

    def _settle_loss(self, node: JobNode, error: str) -> None:
        retried = self._policy.allows_retry(node, FailureKind.PREEMPTED)
        self._listener.on_lost(node.job.stages, error, retried)
        if retried:
            self._graph.requeue(node)
        else:
            times = node.ended[FailureKind.PREEMPTED]
            self._fail(node, f"its worker was lost {times} times, the last time by {error}")

    def _settle_failure(self, node: JobNode, how: FailureKind, error: BaseException) -> None:
        message, cause = format_message(error), find_cause(error)
        full_disk = isinstance(cause, OSError) and cause.errno == errno.ENOSPC
        hopeless = full_disk or isinstance(cause, StorageError)
        retried = self._policy.allows_retry(node, how) and not hopeless
        share = self._find_resources(node.need).gpus
        if retried and how is FailureKind.NO_MEMORY and 0 < share < 1:
            node.whole_gpu = True
            message += f" (on {share:g} of a GPU: it gets a whole one)"
        self._listener.on_failed(node.job.stages, message, str(error), retried)
        if retried:
            self._graph.requeue(node)
            return
        self._fail(node, message)
        if hopeless:
            self.stopped_by = f"{'a disk is full' if full_disk else 'the storage is out of reach'}: {message}"
        self._count_alike(node.job.kind, message)

    def _count_alike(self, kind: Kind, message: str) -> None:
        """The circuit breaker: stop when the first jobs of a kind all fail alike."""
        self._failures[kind][message] += 1
        if kind not in self._succeeded and self._failures[kind][message] >= self._policy.breaker:
            count = self._failures[kind][message]
            self.stopped_by = f"the first {count} {kind} jobs failed alike: {message}"

    def _fail(self, node: JobNode, error: str) -> None:
        for blocked in self._graph.fail(node, error):
            self._listener.on_blocked(blocked.job.stages, str(blocked.error))

    def _give_up(self, reason: str) -> None:
        for node in self._graph.nodes.values():
            if node.state in (JobState.WAITING, JobState.READY, JobState.RUNNING):
                node.state, node.error = JobState.BLOCKED, f"not run: {reason}"
                self._listener.on_blocked(node.job.stages, str(node.error))
