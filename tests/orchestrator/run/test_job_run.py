"""One run of a job: where it is, whether it is late, and how it ended."""

from __future__ import annotations

import time
from typing import Any, cast

import pytest

from orchestrator.cluster.node import WorkerPlace
from orchestrator.run.failures import FailureKind, KilledForMemoryError
from orchestrator.run.job_run import JobResult, Worker, release_job, with_memory_verdict
from orchestrator.space.resources import Resources

NODE = cast(Any, object())


def test_a_worker_says_where_it_is_once_it_is_up() -> None:
    assert Worker(None, Resources()).where == ""
    assert Worker(None, Resources(), WorkerPlace(7, "node", None, "host")).where == "host pid 7"


def test_a_run_is_late_beyond_its_limit_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 110.0)
    made = [Worker(None, Resources(), since=100.0, limit=limit) for limit in (None, 9.0, 10.0, 11.0)]
    assert [worker.is_late for worker in made] == [False, True, False, False]


def test_a_job_is_given_back_once() -> None:
    worker = Worker(None, Resources(), node=NODE)
    assert release_job(worker) is NODE
    assert worker.node is None
    with pytest.raises(AssertionError):
        release_job(worker)


def test_a_lost_run_counts_as_out_of_memory_where_its_node_says_so() -> None:
    ended = JobResult(Worker(None, Resources()), NODE, error=ValueError("lost"))
    assert with_memory_verdict(ended, False) is ended
    found = with_memory_verdict(ended, True)
    assert isinstance(found.error, KilledForMemoryError)
    assert (ended.ending, found.ending) == (FailureKind.FAILED, FailureKind.NO_MEMORY)
    assert JobResult(ended.worker, NODE).ending is FailureKind.DONE
