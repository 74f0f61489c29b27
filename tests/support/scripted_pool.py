"""The executor on a pool that is a script: no Ray, no time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from orchestrator.plan.estimates import Speeds
from orchestrator.plan.plan import Plan, make_plan
from orchestrator.plan.schedule import estimate_job_seconds, measure_remaining_paths
from orchestrator.run.executor import StageExecutor
from orchestrator.run.job_graph import JobGraph, JobNode, JobState
from orchestrator.run.job_run import JobResult, Worker
from orchestrator.run.retry_policy import RetryPolicy
from orchestrator.space import space as spaces
from orchestrator.space.resources import Resources, ResourceTable
from tasks.trial.chain import Stage
from tests.conftest import CONFIG

Behaviour = Callable[[JobNode], BaseException | None]


class ScriptedPool:
    """Runs one job at a time; a behaviour decides how each run ends."""

    def __init__(self, behaviour: Behaviour, classes: Sequence[Resources]) -> None:
        self.behaviour = behaviour
        self.ran: list[str] = []
        self.held: list[tuple[str, float]] = []
        """Of each run the kind, and the share of a GPU."""
        self.wanted: list[Mapping[Resources, int]] = []
        self.is_starting = False
        self.start_problem: str | None = None
        self.standstill: str | None = None
        self.limits: dict[str, float | None] = {}
        self._idle = {resources: Worker(None, resources) for resources in classes}
        self._busy: list[Worker] = []

    def resize(self, wanted: Mapping[Resources, int]) -> None:
        self.wanted.append(dict(wanted))

    def idle_resources(self) -> set[Resources]:
        return set() if self._busy else set(self._idle)

    def submit(self, node: JobNode, resources: Resources, limit: float | None = None) -> str:
        self.limits[node.job.kind] = limit
        self.held.append((node.job.kind, resources.gpus))
        worker = self._idle[resources]
        worker.node = node
        self._busy.append(worker)
        return "here"

    def wait(self, timeout: float) -> list[JobResult]:  # noqa: ARG002
        ended = []
        for worker in self._busy:
            node = worker.node
            assert node is not None
            self.ran.append(node.job.stages[0].key)
            error = self.behaviour(node)
            records: list[dict[str, Any]] = [{"metrics": {}} for _ in node.job.stages] if error is None else []
            ended.append(JobResult(worker, node, records, error))
        self._busy = []
        return ended

    def close(self) -> None:
        self._busy = []

    def find_standstill(self) -> str | None:
        return self.standstill


class Listener:
    """Notes what it is message."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.failures: list[tuple[str, bool]] = []
        self.losses: list[bool] = []
        self.blocks: list[str] = []
        self.standstills: list[str] = []

    def on_standstill(self, message: str) -> None:
        self.standstills.append(message)

    def on_started(self, stages: Sequence[Stage], where: str) -> None: ...

    def on_finished(self, stages: Sequence[Stage], records: Sequence[Mapping[str, Any]]) -> None:  # noqa: ARG002
        self.done += [stage.key for stage in stages]

    def on_failed(self, stages: Sequence[Stage], error: str, trace: str, retried: bool) -> None:  # noqa: ARG002
        self.failures.append((error, retried))

    def on_lost(self, stages: Sequence[Stage], error: str, retried: bool) -> None:  # noqa: ARG002
        self.losses.append(retried)

    def on_blocked(self, stages: Sequence[Stage], error: str) -> None:
        self.blocks += [error] * len(stages)


def plan(**changes: Any) -> Plan:
    content: dict[str, Any] = {
        **CONFIG,
        "seed": {"grid_search": [0, 1]},
        "prune": {"ratio": {"grid_search": [0.2, 0.5]}},
        "attack": {"name": "ifgsm", "eps": {"grid_search": ["4/255", "8/255"]}, "steps": {"grid_search": [4, 6]}},
        **changes,
    }
    return make_plan(spaces.build("test", "test", content), None)


def executed(
    planned: Plan, behaviour: Behaviour, shares: Sequence[float] = (0.0,), *, eager: bool = False, **policy: Any
) -> tuple[StageExecutor, JobGraph, Listener, ScriptedPool]:
    jobs = planned.jobs(())
    seconds = estimate_job_seconds(planned, jobs, Speeds({}, {}))
    graph = JobGraph(jobs, measure_remaining_paths(jobs, seconds))
    classes = [Resources(gpus=share) for share in shares]
    pool, listener, table = ScriptedPool(behaviour, classes), Listener(), ResourceTable(default=classes[0])
    executor = StageExecutor(graph, pool, table, listener, RetryPolicy(**policy), eager=eager)  # type: ignore[arg-type]
    executor.run()
    return executor, graph, listener, pool


def states(graph: JobGraph, kind: str) -> list[JobState]:
    return [node.state for node in graph.nodes.values() if node.job.kind == kind]
