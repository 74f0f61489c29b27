"""The executor's order and workers, on a pool that is a script: no Ray, no time."""

from __future__ import annotations

import pytest

from orchestrator.plan.estimates import Speeds
from orchestrator.plan.schedule import estimate_job_seconds, list_schedule
from orchestrator.run.executor import StageExecutor
from orchestrator.run.failures import StageTimeoutError
from orchestrator.run.job_graph import JobGraph
from orchestrator.run.retry_policy import RetryPolicy
from orchestrator.space.resources import Resources, ResourceTable
from tests.conftest import CONFIG
from tests.support.scripted_pool import Listener, ScriptedPool, executed, plan


def test_every_distinct_stage_is_done_once_and_upstream_first() -> None:
    planned = plan()
    _, _, listener, pool = executed(planned, lambda _: None)
    assert sorted(listener.done) == sorted(planned.stages)
    assert len(pool.ran) == len(set(pool.ran)) == len(planned.jobs(()))
    for key, stage in planned.stages.items():
        assert all(listener.done.index(upstream) < listener.done.index(key) for upstream in stage.upstream.values())


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


def test_the_end_of_an_executor_is_the_end_of_its_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    executor, _, _, pool = executed(plan(), lambda _: None)
    closed: list[str] = []
    monkeypatch.setattr(pool, "close", lambda: closed.append("closed"))
    executor.close()
    assert closed == ["closed"]
