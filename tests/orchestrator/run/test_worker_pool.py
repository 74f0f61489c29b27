"""The pool of workers on a Ray that is a script: who is started, kept, given back and killed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ray.exceptions import ActorDiedError, ActorUnavailableError, OutOfMemoryError, RayActorError, RayTaskError

from orchestrator.cluster.node import WorkerPlace
from orchestrator.plan.plan import Job
from orchestrator.run import job_run, worker_pool, worker_starts
from orchestrator.run.failures import FailureKind
from orchestrator.run.job_graph import JobNode
from orchestrator.run.worker import WorkerSettings
from orchestrator.run.worker_pool import MOST_PENDING, WorkerPool
from orchestrator.run.worker_starts import MOST_FAILURES, MOST_SHORTAGES
from orchestrator.space.resources import Resources
from tests.support.scripted_ray import ScriptedActor, ScriptedRay

ONE, TWO = Resources(), Resources(cpus=2)


class Clock:
    """The time of the pool."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Inquiries:
    """A node that answers at once, or later, whether its kernel killed for memory."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.verdict: bool | None = False
        self.late: list[tuple[Any, bool]] = []
        self.refs: list[Any] = []

    def ask(self, node_id: str, before: int, subject: Any) -> bool | None:
        self.asked.append((node_id, before))
        if self.verdict is None:
            self.late.append((subject, True))
        return self.verdict

    def collect_answers(self) -> list[tuple[Any, bool]]:
        found, self.late = self.late, []
        return found


class Rig:
    """A pool, and the Ray, the clock and the nodes that it sees."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, largest: int = 4) -> None:
        self.ray, self.clock, self.inquiries = ScriptedRay(), Clock(), Inquiries()
        self.draining: set[str] = set()
        monkeypatch.setattr(worker_pool, "ray", self.ray)
        monkeypatch.setattr(worker_pool, "time", self.clock)
        monkeypatch.setattr(job_run, "time", self.clock)
        monkeypatch.setattr(worker_starts, "time", self.clock)
        monkeypatch.setattr(worker_pool, "MemoryInquiries", lambda: self.inquiries)
        monkeypatch.setattr(worker_pool, "list_draining_nodes", lambda: self.draining)
        self.shortage: str | None = None
        settings = WorkerSettings("storage", "sweep", Path("data"))
        self.pool = WorkerPool(settings, largest, find_shortage=lambda: self.shortage)

    def start(self, wanted: Mapping[Resources, int], node: str = "n1") -> list[ScriptedActor]:
        """Ask for workers; all that were asked for come up."""
        known = len(self.ray.actors)
        self.pool.resize(wanted)
        started = self.ray.actors[known:]
        for actor in started:
            self.ray.answer(actor.last("describe_place"), WorkerPlace(7, node, 3, "host"))
        assert self.pool.wait(0) == []
        return started


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig(monkeypatch)


def make_node(kind: str = "train") -> JobNode:
    return JobNode(Job("job", kind), 1.0, 0)  # type: ignore[arg-type]


def test_as_many_workers_as_are_ready_and_no_more_than_fit(rig: Rig) -> None:
    started = rig.start({ONE: 2})
    assert [actor.options["num_cpus"] for actor in started] == [1, 1]
    assert [actor.options["max_restarts"] for actor in started] == [0, 0]
    assert [actor.arguments[1] for actor in started] == [1, 1], "torch threads"
    assert rig.start({ONE: 2}) == [], "those that are idle will take the work"
    assert len(rig.start({ONE: 9})) == 2, "four may exist"
    assert rig.pool.idle_resources() == {ONE}


def test_a_worker_that_is_not_up_yet_is_not_asked_for_again(rig: Rig) -> None:
    rig.pool.resize({ONE: 1})
    assert rig.pool.is_starting
    rig.pool.resize({ONE: 1})
    assert len(rig.ray.actors) == 1
    assert rig.pool.idle_resources() == set()


def test_so_many_are_asked_for_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch, largest=10_000)
    rig.pool.resize({ONE: 5_000})
    assert len(rig.ray.actors) == MOST_PENDING


def test_what_is_idle_without_work_makes_room_for_what_is_wanted(rig: Rig) -> None:
    (idle,) = rig.start({ONE: 1})
    rig.pool.resize({})
    assert rig.ray.killed == [], "nobody waits for it"
    rig.pool.resize({TWO: 1})
    assert rig.ray.killed == [idle]
    (pending,) = rig.ray.alive
    rig.pool.resize({ONE: 1})
    assert pending in rig.ray.killed, "one that would come up before the others, for nothing"


def test_a_job_runs_where_its_resources_are_and_its_records_come_back(rig: Rig) -> None:
    small, large = (rig.start({ONE: 1})[0], rig.start({ONE: 1, TWO: 1})[0])
    node = make_node()
    assert rig.pool.submit(node, TWO) == "host pid 7"
    assert not small.calls[1:]
    assert rig.pool.idle_resources() == {ONE}
    assert rig.pool.wait(0) == []
    rig.ray.answer(large.last("run"), [{"key": "a"}])
    (ended,) = rig.pool.wait(0)
    assert (ended.node, ended.records, ended.error) == (node, [{"key": "a"}], None)
    assert rig.pool.idle_resources() == {ONE, TWO}, "it is kept for the next"


def test_an_error_of_a_stage_leaves_its_worker_and_want_of_memory_does_not(rig: Rig) -> None:
    (worker,) = rig.start({ONE: 1})
    node = make_node()
    rig.pool.submit(node, ONE)
    rig.ray.answer(worker.last("run"), RayTaskError("run", "trace", ValueError("bad")))
    (ended,) = rig.pool.wait(0)
    assert (ended.ending, ended.node, ended.worker.actor) == (FailureKind.FAILED, node, worker)
    assert rig.ray.killed == []
    rig.pool.submit(make_node(), ONE)
    rig.ray.answer(worker.last("run"), RayTaskError("run", "trace", MemoryError()))
    assert [ended.ending for ended in rig.pool.wait(0)] == [FailureKind.NO_MEMORY]
    assert rig.ray.killed == [worker], "what is left of its memory is nobody's"


@pytest.mark.parametrize("error", [RayActorError(), ActorUnavailableError("away", b"\0" * 16)])
def test_a_worker_that_is_lost_is_killed_before_its_job_runs_elsewhere(error: Exception, rig: Rig) -> None:
    (worker,) = rig.start({ONE: 1})
    node = make_node()
    rig.pool.submit(node, ONE)
    rig.ray.answer(worker.last("run"), error)
    (ended,) = rig.pool.wait(0)
    assert (ended.ending, ended.node) == (FailureKind.PREEMPTED, node)
    assert rig.ray.killed == [worker]
    assert len(rig.pool) == 0
    assert rig.inquiries.asked == [("n1", 3)], "its node was asked, with what it had counted"


def test_the_node_says_whether_memory_was_the_reason(rig: Rig) -> None:
    for verdict in (True, None):
        rig.inquiries.verdict = verdict
        (worker,) = rig.start({ONE: 1})
        rig.pool.submit(make_node(), ONE)
        rig.ray.answer(worker.last("run"), RayActorError())
        found = rig.pool.wait(0) or rig.pool.wait(0)
        assert [ended.ending for ended in found] == [FailureKind.NO_MEMORY], "at once, or by a later answer"


def test_rays_own_memory_monitor_needs_no_question(rig: Rig) -> None:
    (worker,) = rig.start({ONE: 1})
    rig.pool.submit(make_node(), ONE)
    rig.ray.answer(worker.last("run"), OutOfMemoryError("killed"))
    assert [ended.ending for ended in rig.pool.wait(0)] == [FailureKind.NO_MEMORY]
    assert not rig.inquiries.asked


def test_a_run_that_takes_too_long_ends_with_its_worker(rig: Rig) -> None:
    first, second = rig.start({ONE: 2})
    late, free = make_node(), make_node()
    rig.pool.submit(late, ONE, 5.0)
    rig.pool.submit(free, ONE)
    rig.clock.now += 5.0
    assert rig.pool.wait(0) == []
    rig.clock.now += 0.1
    (ended,) = rig.pool.wait(0)
    assert ended.node is late
    assert str(ended.error) == "timed out after 5 s"
    assert rig.ray.alive == [second]
    assert rig.ray.killed == [first]


def test_a_node_that_will_be_taken_away_gets_nothing_new(rig: Rig) -> None:
    idle, busy = rig.start({ONE: 2}, "going")
    rig.pool.submit(make_node(), ONE)
    rig.draining.add("going")
    rig.pool.wait(0)
    assert rig.ray.killed == [], "nodes are looked at once a second"
    rig.clock.now += worker_pool.LOOK_INTERVAL
    rig.pool.wait(0)
    (running,) = rig.ray.alive
    assert {idle, busy} - {running} == set(rig.ray.killed), "what runs there goes on"
    rig.ray.answer(running.last("run"), [{}])
    (ended,) = rig.pool.wait(0)
    assert ended.error is None
    assert running in rig.ray.killed


def test_starts_that_fail_are_tried_again_ever_later_and_not_for_ever(rig: Rig) -> None:
    waits = []
    rig.pool.resize({ONE: 1})
    for count in range(MOST_FAILURES):
        assert rig.pool.start_problem is None, count
        failure = ActorDiedError(RayTaskError("__init__", "trace", ImportError("no module")))
        rig.ray.answer(rig.ray.actors[-1].last("describe_place"), failure)
        assert rig.pool.wait(0) == []
        began, known = rig.clock.now, len(rig.ray.actors)
        while len(rig.ray.actors) == known:
            rig.clock.now += 0.05
            rig.pool.resize({ONE: 1})
        waits.append(rig.clock.now - began)
    assert waits == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2], abs=0.06)
    assert str(rig.pool.start_problem).startswith("no worker can start: ")


def test_losing_workers_that_were_starting_says_nothing_against_the_sweep(rig: Rig) -> None:
    for _ in range(2 * MOST_FAILURES):
        rig.pool.resize({ONE: 1})
        rig.ray.answer(rig.ray.actors[-1].last("describe_place"), RayActorError())
        rig.pool.wait(0)
        rig.clock.now += worker_starts.LONGEST_DELAY
    assert rig.pool.start_problem is None


def test_want_of_memory_while_workers_start_ends_the_sweep_after_a_while(rig: Rig) -> None:
    for count in range(MOST_SHORTAGES):
        assert rig.pool.start_problem is None, count
        rig.pool.resize({ONE: 1})
        rig.ray.answer(rig.ray.actors[-1].last("describe_place"), OutOfMemoryError("1 worker was killed"))
        rig.pool.wait(0)
        rig.clock.now += worker_starts.LONGEST_DELAY
    assert rig.pool.start_problem == "no worker can start: out of memory: OutOfMemoryError: 1 worker was killed"


def test_nothing_is_said_while_workers_are_up_and_then_ever_more_rarely(rig: Rig) -> None:
    spoken = []

    def look(seconds: int) -> None:
        for _ in range(seconds):
            rig.clock.now += 1
            if line := rig.pool.find_standstill():
                spoken.append(line)

    look(100)
    assert not spoken, "nobody was asked for"
    rig.pool.resize({ONE: 1})
    look(130)
    assert [line.split(" no worker")[0] for line in spoken] == [
        "nothing runs: for 30 s", "nothing runs: for 60 s", "nothing runs: for 120 s",
    ]  # fmt: skip
    rig.ray.answer(rig.ray.actors[0].last("describe_place"), RayActorError())
    rig.pool.wait(0)
    look(130)
    assert "the last one: RayActorError" in spoken[-1]
    known = len(spoken)
    rig.start({ONE: 1})
    look(500)
    assert len(spoken) == known


def test_a_machine_without_memory_is_named_and_ends_the_sweep(rig: Rig) -> None:
    """Ray starts an actor that it has ended for memory again and again, and says nothing of it."""
    rig.pool.resize({ONE: 1})
    rig.shortage = "23 of 24 GiB of memory are in use"
    assert rig.pool.find_standstill() is None
    rig.clock.now += worker_starts.FIRST_WORD
    assert str(rig.pool.find_standstill()).endswith("no worker has come up; 23 of 24 GiB of memory are in use")
    assert rig.pool.start_problem is None
    rig.clock.now += worker_starts.LONGEST_SHORTAGE
    rig.pool.find_standstill()
    assert rig.pool.start_problem == "no worker can start: 23 of 24 GiB of memory are in use"


def test_the_end_takes_every_worker_along(rig: Rig) -> None:
    rig.start({ONE: 2})
    rig.pool.submit(make_node(), ONE)
    rig.pool.resize({ONE: 3})
    rig.pool.close()
    assert rig.ray.alive == []
    assert len(rig.pool) == 0
