"""The executor's policies, on a pool that is a script: no Ray, no time."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ray.exceptions import OutOfMemoryError, RayActorError, RayTaskError

from orchestrator.plan.estimates import Speeds
from orchestrator.plan.plan import Plan, make_plan
from orchestrator.plan.schedule import estimate_job_seconds, list_schedule, measure_remaining_paths
from orchestrator.run.executor import StageExecutor
from orchestrator.run.failures import FailureKind, KilledForMemoryError, StageTimeoutError, classify_failure
from orchestrator.run.job_graph import JobGraph, JobNode, JobState
from orchestrator.run.job_run import JobResult, Worker
from orchestrator.run.retry_policy import RetryPolicy
from orchestrator.space import space as spaces
from orchestrator.space.resources import Resources, ResourceTable
from tasks.errors import StorageGoneError, StorageRefusedError
from tasks.trial.chain import Stage
from tests.conftest import CONFIG
from tests.support.fuzzing import drawn

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


def test_every_distinct_stage_is_done_once_and_upstream_first() -> None:
    planned = plan()
    _, _, listener, pool = executed(planned, lambda _: None)
    assert sorted(listener.done) == sorted(planned.stages)
    assert len(pool.ran) == len(set(pool.ran)) == len(planned.jobs(()))
    for key, stage in planned.stages.items():
        assert all(listener.done.index(upstream) < listener.done.index(key) for upstream in stage.upstream.values())


def test_a_stage_that_raises_once_is_tried_again() -> None:
    failed: set[str] = set()

    def once(node: JobNode) -> BaseException | None:
        first = node.job.kind == "prune" and node.job.id not in failed
        failed.add(node.job.id)
        return ValueError("a passing trouble") if first else None

    _, graph, listener, _ = executed(plan(), once)
    assert set(states(graph, "attack")) == {JobState.DONE}
    assert listener.failures == [("ValueError: a passing trouble", True)] * 4


def test_a_stage_that_fails_for_good_takes_only_what_builds_on_it() -> None:
    planned = plan()
    victim = next(stage.key for stage in planned.stages.values() if stage.kind == "prune")

    def fail_victim(node: JobNode) -> BaseException | None:
        return ValueError("broken") if node.job.stages[0].key == victim else None

    _, graph, listener, pool = executed(planned, fail_victim)
    assert states(graph, "prune").count(JobState.FAILED) == 1
    assert states(graph, "attack").count(JobState.BLOCKED) == 2
    assert states(graph, "attack").count(JobState.DONE) == 6
    assert pool.ran.count(victim) == 2
    assert all(f"prune {victim[:12]} failed: ValueError: broken" in error for error in listener.blocks)


def test_a_lost_worker_is_no_failure_and_has_its_own_budget() -> None:
    lost: list[str] = []

    def flaky(node: JobNode) -> BaseException | None:
        lost.append(node.job.id)
        return RayActorError() if lost.count(node.job.id) <= 4 else None

    executor, graph, listener, _ = executed(plan(), flaky, max_preemptions=4)
    assert {node.state for node in graph.nodes.values()} == {JobState.DONE}
    assert not listener.failures
    assert executor.stopped_by is None
    _, graph, listener, _ = executed(plan(), lambda _: RayActorError(), max_preemptions=2)
    assert states(graph, "train") == [JobState.FAILED] * 2
    assert listener.losses == [True, True, False] * 2 or sorted(listener.losses) == [False] * 2 + [True] * 4


OUT_OF_MEMORY = [
    OutOfMemoryError("Task was killed due to the node running low on memory.\nMemory on the node was 31GB / 32GB"),
    RayTaskError("run", "trace", MemoryError()),
    RayTaskError("run", "trace", RuntimeError("DefaultCPUAllocator: can't allocate memory")),
    RayTaskError("run", "trace", torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")),
    KilledForMemoryError("its node's kernel killed its worker"),
]  # fmt: skip


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda error: type(getattr(error, "cause", error)).__name__)
def test_memory_that_runs_out_has_a_budget_of_its_own_and_fails_that_stage_alone(error: BaseException) -> None:
    planned = plan()
    victim = next(stage.key for stage in planned.stages.values() if stage.kind == "prune")

    def large(node: JobNode) -> BaseException | None:
        return error if node.job.stages[0].key == victim else None

    _, graph, listener, pool = executed(planned, large, max_failures=5, max_preemptions=5)
    assert pool.ran.count(victim) == 2
    assert [retried for _, retried in listener.failures] == [True, False]
    assert all(
        message.startswith("out of memory: ") and len(message.splitlines()) == 1 for message, _ in listener.failures
    )
    assert not listener.losses
    assert states(graph, "attack").count(JobState.DONE) == 6


def test_an_error_that_speaks_of_something_else_is_a_failure() -> None:
    assert classify_failure(RayTaskError("run", "trace", ValueError("bad_alloc"))) is FailureKind.FAILED
    assert classify_failure(RayTaskError("run", "trace", RuntimeError("size mismatch"))) is FailureKind.FAILED
    assert classify_failure(RayActorError()) is FailureKind.PREEMPTED


def test_failures_and_preemptions_of_one_stage_do_not_use_up_each_other() -> None:
    ways: list[BaseException] = [RayActorError(), ValueError("once"), RayActorError()]
    left: dict[str, list[BaseException]] = {}

    def unlucky(node: JobNode) -> BaseException | None:
        mine = left.setdefault(node.job.id, list(ways))
        return mine.pop() if mine else None

    _, graph, listener, _ = executed(plan(), unlucky, max_failures=1, max_preemptions=2)
    assert {node.state for node in graph.nodes.values()} == {JobState.DONE}
    assert len(listener.losses) == 2 * len(listener.failures) == 2 * len(graph.nodes)


def test_each_kind_runs_for_as_long_as_it_may() -> None:
    late = StageTimeoutError("timed out after 5 s")
    _, _, listener, pool = executed(
        plan(), lambda node: late if node.job.kind == "train" else None, timeouts={"train": 5.0}, breaker=99
    )
    assert set(listener.failures) == {("timed out after 5 s", True), ("timed out after 5 s", False)}
    assert pool.limits == {"train": 5.0}
    _, _, _, pool = executed(plan(), lambda _: None, timeouts={"train": 5.0})
    assert pool.limits["attack"] is None


def test_workers_that_never_come_up_stop_the_sweep() -> None:
    planned = plan()
    jobs = planned.jobs(())
    graph = JobGraph(jobs, dict.fromkeys((job.id for job in jobs), 1.0))
    pool, listener = ScriptedPool(lambda _: None, [Resources()]), Listener()
    pool.start_problem = "no worker can start: ImportError: no module"
    executor = StageExecutor(graph, pool, ResourceTable(), listener, RetryPolicy())  # type: ignore[arg-type]
    executor.run()
    assert executor.stopped_by == "no worker can start: ImportError: no module"


def test_workers_are_asked_for_ahead_but_no_more_than_chains_can_keep_busy() -> None:
    _, _, _, pool = executed(plan(prune=None), lambda _: None, eager=True)
    assert max(sum(wanted.values()) for wanted in pool.wanted) == 4, "two networks, under two budgets each"
    assert sum(pool.wanted[1].values()) == 4, "before any attack is ready"
    chain = plan(seed=0, prune={"ratio": 0.2}, attack={"name": "ifgsm", "eps": "4/255", "steps": 4})
    _, graph, _, pool = executed(chain, lambda _: None, eager=True)
    assert len(graph.nodes) > 2
    assert max(sum(wanted.values()) for wanted in pool.wanted) == 1, "a second worker would never have a job"


def test_a_pool_without_a_worker_is_spoken_of() -> None:
    planned = plan()
    jobs = planned.jobs(())
    graph = JobGraph(jobs, dict.fromkeys((job.id for job in jobs), 1.0))
    pool, listener = ScriptedPool(lambda _: None, [Resources()]), Listener()
    pool.standstill = "nothing runs"
    StageExecutor(graph, pool, ResourceTable(), listener, RetryPolicy()).run()  # type: ignore[arg-type]
    assert set(listener.standstills) == {"nothing runs"}


def test_the_same_error_in_the_first_jobs_of_a_kind_stops_the_sweep() -> None:
    planned = plan(seed={"grid_search": list(range(8))})
    executor, graph, listener, pool = executed(planned, lambda _: ValueError("no such device"), breaker=3)
    assert executor.stopped_by == "the first 3 train jobs failed alike: ValueError: no such device"
    assert len(set(pool.ran)) == 3
    assert JobState.DONE not in {node.state for node in graph.nodes.values()}
    assert any("not run" in error for error in listener.blocks)


def test_errors_alike_after_a_success_do_not_stop_the_sweep() -> None:
    planned = plan(seed={"grid_search": list(range(8))})

    def fail_but_the_first(node: JobNode) -> BaseException | None:
        stage = node.job.stages[0]
        return ValueError("bad luck") if stage.kind == "train" and stage.seed else None

    executor, graph, _, _ = executed(planned, fail_but_the_first, breaker=3)
    assert executor.stopped_by is None
    assert states(graph, "train").count(JobState.FAILED) == 7


def test_different_errors_do_not_stop_the_sweep() -> None:
    planned = plan(seed={"grid_search": list(range(8))})
    executor, _, _, pool = executed(planned, lambda node: ValueError(node.job.id), breaker=3)
    assert executor.stopped_by is None
    assert len(set(pool.ran)) == 8


@pytest.mark.parametrize("error", [StorageGoneError("s3://b did not answer"), StorageRefusedError("s3://b: access")])
def test_a_storage_that_stays_away_stops_the_sweep_at_once(error: OSError) -> None:
    executor, _, _, pool = executed(plan(), lambda _: error)
    assert executor.stopped_by == f"the storage is out of reach: {type(error).__name__}: {error}"
    assert len(pool.ran) == 1


def test_a_full_disk_stops_the_sweep_at_once() -> None:
    executor, _, _, pool = executed(plan(), lambda _: OSError(errno.ENOSPC, "No space left on device"))
    assert executor.stopped_by is not None
    assert "a disk is full" in executor.stopped_by
    assert len(pool.ran) == 1


def test_the_longest_chain_comes_first() -> None:
    planned = plan(
        adversarial_finetune={
            "grid_search": [None, {**CONFIG["adversarial_finetune"], "epochs": 50}]  # type: ignore[dict-item]
        }
    )
    _, _, _, pool = executed(planned, lambda _: None)
    kinds = [planned.stages[key].kind for key in pool.ran]
    assert kinds.index("adversarial_finetune") < kinds.index("attack")


def test_a_class_of_resources_without_a_worker_does_not_hold_up_the_others() -> None:
    planned = plan()
    jobs = planned.jobs(())
    graph = JobGraph(jobs, dict.fromkeys((job.id for job in jobs), 1.0))
    big = Resources(cpus=4)
    table = ResourceTable({"attack": big})
    pool, listener = ScriptedPool(lambda _: None, [Resources(), big]), Listener()
    StageExecutor(graph, pool, table, listener, RetryPolicy()).run()  # type: ignore[arg-type]
    assert any(big in wanted for wanted in pool.wanted)
    assert len(listener.done) == len(planned.stages)


@pytest.mark.parametrize("slots", [1, 2, 4, 1000])
def test_the_list_schedule_is_between_its_bounds(slots: int) -> None:
    planned = plan()
    jobs = planned.jobs(())
    seconds = estimate_job_seconds(planned, jobs, Speeds({}, {}))
    schedule = list_schedule(jobs, seconds, slots)
    assert schedule.seconds >= max(schedule.critical_path, schedule.total / slots) - 1e-9
    assert schedule.seconds <= schedule.total / slots + schedule.critical_path + 1e-9
    if slots == 1:
        assert schedule.seconds == pytest.approx(schedule.total)
    assert schedule.finished_at.keys() == planned.stages.keys()


def test_what_needs_more_memory_than_its_share_of_a_gpu_gets_a_whole_one() -> None:
    held: list[tuple[str, bool]] = []

    def fail_on_a_share(node: JobNode) -> BaseException | None:
        held.append((node.job.kind, node.whole_gpu))
        lacks = held[-1] == ("prune", False)
        return RayTaskError("run", "trace", torch.OutOfMemoryError("CUDA out of memory")) if lacks else None

    _, graph, listener, pool = executed(plan(), fail_on_a_share, (0.25, 1.0))
    assert {node.state for node in graph.nodes.values()} == {JobState.DONE}
    assert [share for _, share in pool.held] == [1.0 if alone else 0.25 for _, alone in held]
    assert {kind for kind, alone in held if alone} == {"prune"}
    assert held.count(("prune", False)) == held.count(("prune", True)) == 4
    assert any(Resources(gpus=1) in wanted for wanted in pool.wanted), "workers with a whole GPU are asked for"
    assert {message.split("(")[1] for message, _ in listener.failures} == {"on 0.25 of a GPU: it gets a whole one)"}


@drawn(60)
@given(script=st.lists(st.sampled_from(["ends well", "fails", "is lost", "has no memory"]), max_size=40))
def test_whatever_happens_every_stage_ends_once_or_is_named(script: list[str]) -> None:
    """Against a plain model: a job fails when one of its three budgets is used up, and takes what builds on it."""
    planned, told = plan(), list(script)
    budgets = {"fails": 1, "is lost": 2, "has no memory": 1}
    happened: dict[str, list[str]] = {}

    def behave(node: JobNode) -> BaseException | None:
        ending = told.pop() if told else "ends well"
        happened.setdefault(node.job.id, []).append(ending)
        unlike = f"{node.job.id} {len(happened[node.job.id])}"  # three that fail alike would stop the sweep
        errors = {"fails": ValueError(unlike), "is lost": RayActorError(), "has no memory": MemoryError(unlike)}
        return errors.get(ending)

    executor, graph, listener, _ = executed(planned, behave, max_failures=1, max_preemptions=2)
    assert executor.stopped_by is None
    for name, node in graph.nodes.items():
        endings = happened.get(name, [])
        used_up = [kind for kind, most in budgets.items() if endings.count(kind) > most]
        assert (node.state is JobState.DONE) == (endings[-1:] == ["ends well"])
        assert (node.state is JobState.FAILED) == bool(used_up)
        assert (node.state is JobState.BLOCKED) == (not endings)
        assert endings.count("ends well") <= 1
    done = [stage.key for node in graph.nodes.values() if node.state is JobState.DONE for stage in node.job.stages]
    assert sorted(listener.done) == sorted(done)
