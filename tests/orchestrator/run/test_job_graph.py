"""The graph of jobs against a plain model of it, on random graphs with random endings."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.plan.plan import Job
from orchestrator.run.executor import NEEDS
from orchestrator.run.job_graph import JobGraph, JobNode, JobState
from tasks.kinds import KINDS
from tasks.trial.chain import Stage
from tests.support.fuzzing import drawn

MOST = 12
Edges = list[set[int]]
"""For each job the earlier ones that it builds on."""


def make_jobs(edges: Edges) -> list[Job]:
    """A job of one stage for each entry."""
    jobs = []
    for number, sources in enumerate(edges):
        kind = KINDS[number % len(KINDS)]
        stage = SimpleNamespace(
            key=f"key{number}", kind=kind, upstream={str(source): f"key{source}" for source in sorted(sources)}
        )
        jobs.append(Job(str(number), kind, [cast("Stage", stage)]))
    return jobs


@st.composite
def graphs(draw: st.DrawFn) -> Edges:
    count = draw(st.integers(1, MOST))
    return [set(draw(st.lists(st.integers(0, number - 1), max_size=3))) if number else set() for number in range(count)]


def find_lost(edges: Edges, failed: set[int]) -> set[int]:
    """The jobs that build on one of these, over any number of others."""
    lost: set[int] = set()
    for number, sources in enumerate(edges):
        if number not in failed and sources & (failed | lost):
            lost.add(number)
    return lost


@drawn(200)
@given(
    edges=graphs(),
    priorities=st.lists(st.integers(0, 3), min_size=MOST, max_size=MOST),
    endings=st.lists(st.sampled_from(["done", "failed", "again"]), max_size=60),
    together=st.integers(1, 4),
)
@example(edges=[set(), {0}, {0}, {1, 2}], priorities=[1] * MOST, endings=["again", "failed"], together=2)
def test_every_job_ends_as_a_plain_model_says(
    edges: Edges, priorities: list[int], endings: list[str], together: int
) -> None:
    graph = JobGraph(make_jobs(edges), {str(number): float(priorities[number]) for number in range(len(edges))})
    done, failed, again = set[int](), set[int](), list[int]()
    running: list[JobNode] = []
    while graph.is_open:
        while len(running) < together and (node := graph.take(NEEDS)):
            number = int(node.job.id)
            ready = {other for other in range(len(edges)) if edges[other] <= done} - done - failed
            ready -= {int(other.job.id) for other in running}
            assert number in ready, "what it builds on is done, and it runs once at a time"
            urgent = again or sorted(ready, key=lambda other: -priorities[other])
            assert number in again if again else priorities[number] == priorities[urgent[0]]
            again = [other for other in again if other != number]
            running.append(node)
        node = running.pop(0)
        number, ending = int(node.job.id), endings.pop() if endings else "done"
        if ending == "again":
            graph.requeue(node)
            again.append(number)
        elif ending == "done":
            graph.finish(node)
            done.add(number)
        else:
            blocked = {int(other.job.id) for other in graph.fail(node, "x")}
            assert blocked == find_lost(edges, failed | {number}) - find_lost(edges, failed)
            failed.add(number)
        over = done | failed | find_lost(edges, failed)
        ends = {number for number in range(len(edges)) if not any(number in sources for sources in edges)} - over
        ready = {number for number in range(len(edges)) if edges[number] <= done} - over
        ready -= {int(other.job.id) for other in running}
        assert graph.most_beside == max(len(ready), len(ends) - len(running))
    expected = dict.fromkeys(done, JobState.DONE) | dict.fromkeys(failed, JobState.FAILED)
    expected |= dict.fromkeys(find_lost(edges, failed), JobState.BLOCKED)
    assert {int(name): node.state for name, node in graph.nodes.items()} == expected
    assert all("failed: x" in str(node.error) for node in graph.nodes.values() if node.state is JobState.BLOCKED)


def test_what_is_ready_is_counted_from_the_most_urgent_need_on() -> None:
    jobs = make_jobs([set() for _ in range(3 + len(KINDS))])
    priorities = dict.fromkeys((job.id for job in jobs), 1.0) | {"1": 5.0, "2": 9.0, "0": 3.0}
    graph = JobGraph(jobs, priorities)
    found = list(graph.count_ready().items())
    assert found[:3] == [((KINDS[place], False), 2) for place in (2, 1, 0)]
    assert {count for _, count in found[3:]} == {1}
    taken = graph.take(list(graph.count_ready()))
    assert taken is not None
    assert taken.job.id == "2"
    assert [need for need, _ in graph.count_ready().items()][:2] == [(KINDS[1], False), (KINDS[0], False)]
