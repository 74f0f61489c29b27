"""How the starts of workers go, apart from any pool."""

from __future__ import annotations

import time

import pytest
import ray.exceptions

from orchestrator.run.worker_starts import MOST_FAILURES, MOST_SHORTAGES, WorkerStarts


@pytest.mark.parametrize(
    ("error", "most"), [(ValueError("bad"), MOST_FAILURES), (ray.exceptions.OutOfMemoryError("full"), MOST_SHORTAGES)]
)
def test_only_starts_that_fail_one_after_another_count(error: Exception, most: int) -> None:
    starts = WorkerStarts(lambda: None)
    for _ in range(3):
        for _ in range(most - 1):
            starts.note_failure(error)
        assert starts.problem is None
        starts.note_success()
        assert starts.find_standstill(0, 0) is None
    for _ in range(most):
        starts.note_failure(error)
    assert (starts.problem or "").startswith("no worker can start: ")


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


def test_the_pause_before_the_next_start_doubles_up_to_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, starts = Clock(monkeypatch), WorkerStarts(lambda: None)
    assert starts.allowed
    for pause in (0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0):
        starts.note_failure(ray.exceptions.RayActorError())
        clock.now += pause - 0.01
        assert not starts.allowed
        clock.now += 0.02
        assert starts.allowed
    assert starts.problem is None, "that they were lost says nothing against the sweep"
    starts.note_success()
    starts.note_failure(ray.exceptions.RayActorError())
    clock.now += 0.21
    assert starts.allowed


def test_a_constructor_that_fails_counts_whatever_ray_calls_it() -> None:
    class BrokenError(ray.exceptions.RayActorError):  # type: ignore[misc]
        actor_init_failed = True

    starts = WorkerStarts(lambda: None)
    for _ in range(MOST_FAILURES):
        assert starts.problem is None
        starts.note_failure(BrokenError())
    assert starts.problem is not None


def test_a_standstill_is_told_after_half_a_minute_and_then_less_and_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, starts = Clock(monkeypatch), WorkerStarts(lambda: None)
    said = {}
    for second in range(300):
        clock.now = 1000.0 + second
        if message := starts.find_standstill(0, 2):
            said[second] = message
    silent = "no worker has come up; Ray has no room, or is still at it"
    assert said == {second: f"nothing runs: for {second} s {silent}" for second in (30, 60, 120, 240)}
    assert starts.problem is None
    assert starts.find_standstill(1, 2) is None
    clock.now += 29
    assert starts.find_standstill(0, 1) is None, "the time counts from where the last worker was seen"
    clock.now += 29
    assert starts.find_standstill(0, 1) is None
    clock.now += 1
    starts.note_failure(ValueError("bad"))
    assert starts.find_standstill(0, 0) == "nothing runs: for 30 s no worker has come up; the last one: ValueError: bad"


def test_a_shortage_is_named_and_ends_the_sweep_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    starts = WorkerStarts(lambda: "memory is short" if clock.now >= 1050 else None)
    said = {}
    for second in range(105):
        clock.now = 1000.0 + second
        if message := starts.find_standstill(0, 1):
            said[second] = message.partition("; ")[2]
        assert (starts.problem is None) == (second < 100)
    assert said == {30: "Ray has no room, or is still at it", 60: "memory is short"}
    assert starts.problem == "no worker can start: memory is short"
