"""The stage executor: every distinct job once, on a pool of actors, longest remaining path first.

A job's own errors are retried `attempts` times in all; a lost worker is no failure and has a budget of its own. A job
that fails takes what depends on it along, and nothing else. The same error in the first few jobs of a kind stops all.
"""

from __future__ import annotations

import errno
import threading
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from orchestrator.resources import Resources, ResourceTable
from orchestrator.sweep.graph import JobGraph, Node, State
from orchestrator.sweep.pool import Finished, WorkerPool
from tasks.chain import KINDS, Kind, Stage

Record = Mapping[str, Any]
POLL = 0.2
"""Seconds after which the executor looks up even if nothing ended."""


@dataclass(frozen=True)
class Policy:
    """How often things are tried."""

    attempts: int = 2
    """Runs of a job that may end by its own error."""
    losses: int = 10
    """Runs of a job that may end with a lost worker."""
    breaker: int = 3
    """Jobs of a kind that fail alike before any of that kind succeeds: then the sweep is stopped."""


class Listener(Protocol):
    """Told what happens, in the executor's thread."""

    def started(self, stages: Sequence[Stage], where: str) -> None: ...

    def finished(self, stages: Sequence[Stage], records: Sequence[Record]) -> None: ...

    def failed(self, stages: Sequence[Stage], error: str, trace: str, again: bool) -> None: ...

    def lost(self, stages: Sequence[Stage], error: str, again: bool) -> None: ...

    def blocked(self, stages: Sequence[Stage], error: str) -> None: ...


class StageExecutor:
    """Runs a job graph to its end."""

    def __init__(
        self,
        graph: JobGraph,
        pool: WorkerPool,
        resources: ResourceTable,
        listener: Listener,
        policy: Policy,
        *,
        eager: bool = False,
    ) -> None:
        """:param eager: start workers for jobs that are not ready yet; right where nobody else wants the machine."""
        self._graph = graph
        self._pool = pool
        self._resources = resources
        self._listener = listener
        self._policy = policy
        self._eager = eager and len({resources.of(node.job.kind) for node in graph.nodes.values()}) == 1
        self._failures: dict[Kind, Counter[str]] = defaultdict(Counter)
        self._succeeded: set[Kind] = set()
        self._stop = threading.Event()
        self.warm = threading.Event()
        """Set once the first workers are up: until then nothing else should compete with their start."""
        self.stopped_by: str | None = None
        """Why the executor gave up before the end: a systematic failure, in one line."""

    def stop(self) -> None:
        """Start nothing more and return soon; runs in progress end with their workers."""
        self._stop.set()

    def close(self) -> None:
        """End every worker."""
        self._pool.close()

    def run(self) -> None:
        """Return when nothing is left to run, or after `stop`."""
        while self._graph.open and not self._stop.is_set() and self.stopped_by is None:
            self.dispatch()
            if not self._pool.starting:
                self.warm.set()
            for ended in self._pool.wait(POLL):
                self._settle(ended)
        if self.stopped_by is not None:
            self._give_up(self.stopped_by)
        self.warm.set()

    def dispatch(self) -> None:
        """Ask for the workers that the ready jobs need, and give jobs to those that are up."""
        wanted: Counter[Resources] = Counter()
        for kind, count in self._graph.ready().items():
            wanted[self._resources.of(kind)] += count
        if self._eager and wanted:
            wanted = Counter({next(iter(wanted)): self._graph.waiting})
        self._pool.resize(wanted)
        while idle := self._pool.idle_resources():
            node = self._graph.take([kind for kind in KINDS if self._resources.of(kind) in idle])
            if node is None:
                return
            where = self._pool.submit(node, self._resources.of(node.job.kind))
            self._listener.started(node.job.stages, where)

    def _settle(self, ended: Finished) -> None:
        node = ended.node
        if ended.error is None:
            self._succeeded.add(node.job.kind)
            self._graph.finish(node)
            self._listener.finished(node.job.stages, ended.records)
        elif ended.lost:
            self._settle_loss(node, type(ended.error).__name__)
        else:
            self._settle_failure(node, ended.error)

    def _settle_loss(self, node: Node, error: str) -> None:
        node.losses += 1
        again = node.losses < self._policy.losses
        self._listener.lost(node.job.stages, error, again)
        if again:
            self._graph.again(node)
        else:
            self._fail(node, f"its worker was lost {node.losses} times, the last time by {error}")

    def _settle_failure(self, node: Node, error: BaseException) -> None:
        cause = getattr(error, "cause", None) or error
        message = f"{type(cause).__name__}: {cause}".splitlines()[0]
        node.attempts += 1
        full_disk = isinstance(cause, OSError) and cause.errno == errno.ENOSPC
        again = node.attempts < self._policy.attempts and not full_disk
        self._listener.failed(node.job.stages, message, str(error), again)
        if again:
            self._graph.again(node)
            return
        self._fail(node, message)
        if full_disk:
            self.stopped_by = f"the storage is full: {message}"
        self._trip(node.job.kind, message)

    def _trip(self, kind: Kind, message: str) -> None:
        """The circuit breaker: stop when the first jobs of a kind all fail alike."""
        self._failures[kind][message] += 1
        if kind not in self._succeeded and self._failures[kind][message] >= self._policy.breaker:
            count = self._failures[kind][message]
            self.stopped_by = f"the first {count} {kind} stages failed alike: {message}"

    def _fail(self, node: Node, error: str) -> None:
        for blocked in self._graph.fail(node, error):
            self._listener.blocked(blocked.job.stages, str(blocked.error))

    def _give_up(self, reason: str) -> None:
        for node in self._graph.nodes.values():
            if node.state in (State.WAITING, State.READY, State.RUNNING):
                node.state, node.error = State.BLOCKED, f"not run: {reason}"
                self._listener.blocked(node.job.stages, str(node.error))
