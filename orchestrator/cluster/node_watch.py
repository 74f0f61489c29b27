"""What Ray and the kernel know of nodes: which are about to be taken away, and where memory ran out."""

from __future__ import annotations

import time
from typing import Any, Generic, TypeVar

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from orchestrator.cluster.node import count_oom_kills

PATIENCE = 5.0
"""Seconds that a node has to answer; one that is gone itself will not."""
Subject = TypeVar("Subject")


def list_draining_nodes() -> set[str]:
    """Nodes that a spot market or an autoscaler is about to take away: nothing new should be started there."""
    from ray._private.state import state  # Ray's own libraries ask here too: there is no public way

    try:
        return set(state.get_draining_nodes())
    except RayError:
        return set()  # the head does not answer; whether it is gone is decided elsewhere


class MemoryInquiries(Generic[Subject]):
    """Asks nodes whether their kernel has killed a process for memory since a worker there came up.

    The exit of a process says only that it was killed. What the node's own counter says is asked without waiting, by
    a task without resources on that node.
    """

    def __init__(self) -> None:
        self._home = ray.get_runtime_context().get_node_id()
        self._ask = ray.remote(num_cpus=0, max_retries=0)(count_oom_kills)
        self._pending: dict[Any, tuple[str, int, Subject, float]] = {}
        self._seen: dict[str, int] = {}

    @property
    def refs(self) -> list[Any]:
        """Answers that are awaited."""
        return list(self._pending)

    def ask(self, node_id: str, before: int, subject: Subject) -> bool | None:
        """Whether the counter has risen above `before`; null where the answer comes later, by `answers`."""
        if node_id == self._home:
            return self._has_risen(node_id, before, count_oom_kills())
        strategy = NodeAffinitySchedulingStrategy(node_id, soft=False)
        ref = self._ask.options(scheduling_strategy=strategy).remote()
        self._pending[ref] = (node_id, before, subject, time.monotonic() + PATIENCE)
        return None

    def collect_answers(self) -> list[tuple[Subject, bool]]:
        """What has been answered by now, or never will be."""
        if not self._pending:
            return []
        ready, _ = ray.wait(self.refs, num_returns=len(self._pending), timeout=0)
        late = [ref for ref, (*_, until) in self._pending.items() if time.monotonic() > until]
        return [self._answer(ref, ref in ready) for ref in dict.fromkeys([*ready, *late])]

    def _answer(self, ref: Any, ready: bool) -> tuple[Subject, bool]:
        node_id, before, subject, _ = self._pending.pop(ref)
        try:
            return subject, self._has_risen(node_id, before, ray.get(ref) if ready else None)
        except RayError:
            return subject, False

    def _has_risen(self, node_id: str, before: int, now: int | None) -> bool:
        """One kill explains one lost worker."""
        if now is None:
            return False
        before = max(before, self._seen.get(node_id, 0))
        self._seen[node_id] = now
        return now > before
