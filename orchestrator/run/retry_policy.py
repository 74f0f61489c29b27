"""The budgets of retries, one for each way in which a run may end, and when a sweep gives up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.run.failures import FailureKind
from orchestrator.run.job_graph import JobNode
from tasks.kinds import Kind


@dataclass(frozen=True)
class RetryPolicy:
    """How often a job is tried again, by what ended its runs, and how long a run may take."""

    max_failures: int = 1
    """After errors of its own and time-outs."""
    max_preemptions: int = 10
    """After losses of its worker or its node."""
    max_out_of_memory: int = 1
    """After it ran out of memory: its neighbours may have taken it, but no more than once."""
    timeouts: Mapping[Kind, float] = field(default_factory=dict)
    """Seconds that one run of a kind may take; a kind that is not named may take any time."""
    breaker: int = 3
    """Jobs of a kind that fail alike before any of that kind succeeds: then the sweep is stopped."""

    def allows_retry(self, node: JobNode, how: FailureKind) -> bool:
        """Whether a job is tried again whose last run ended so."""
        most = {
            FailureKind.FAILED: self.max_failures,
            FailureKind.PREEMPTED: self.max_preemptions,
            FailureKind.NO_MEMORY: self.max_out_of_memory,
        }
        return node.ended[how] <= most[how]
