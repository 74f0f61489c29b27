"""What the executor does about jobs that fail, are lost or lack memory, on a pool that is a script."""

from __future__ import annotations

import errno

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ray.exceptions import OutOfMemoryError, RayActorError, RayTaskError

from orchestrator.run.failures import FailureKind, KilledForMemoryError, classify_failure
from orchestrator.run.job_graph import JobNode, JobState
from orchestrator.space.resources import Resources
from tasks.errors import StorageGoneError, StorageRefusedError
from tests.support.fuzzing import drawn
from tests.support.scripted_pool import executed, plan, states


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


@pytest.mark.slow
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


def test_whoever_gives_up_names_what_was_not_run_and_leaves_what_is_done() -> None:
    _, graph, listener, _ = executed(
        plan(), lambda node: ValueError("bad") if node.job.kind == "attack" else None, max_failures=0, breaker=2
    )
    assert set(states(graph, "train")) == {JobState.DONE}
    left = [node for node in graph.nodes.values() if node.state is JobState.BLOCKED]
    assert left
    assert {node.error for node in left} == {"not run: the first 2 attack jobs failed alike: ValueError: bad"}
    assert listener.blocks == [node.error for node in left for _ in node.job.stages]


def test_what_builds_on_a_job_that_failed_for_good_is_named() -> None:
    planned = plan()
    first = planned.trials[0].chain[0]
    _, graph, listener, _ = executed(
        planned, lambda node: ValueError("bad") if node.job.stages[0] is first else None, max_failures=0
    )
    blocked = [node for node in graph.nodes.values() if node.state is JobState.BLOCKED]
    assert sum(len(node.job.stages) for node in blocked) == len(listener.blocks) > 1
    assert all("ValueError: bad" in said for said in listener.blocks)


@pytest.mark.parametrize("error", [ValueError("odd"), OSError("odd")])
def test_only_a_lack_of_memory_asks_for_a_whole_gpu(error: Exception) -> None:
    _, graph, listener, _ = executed(
        plan(), lambda node: error if node.job.kind == "train" and not node.ended.total() else None, [0.25, 1.0]
    )
    assert not [node for node in graph.nodes.values() if node.whole_gpu]
    assert {said for said, _ in listener.failures} == {f"{type(error).__name__}: odd"}
