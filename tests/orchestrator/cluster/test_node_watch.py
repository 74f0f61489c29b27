"""Whether nodes killed something for memory, asked of a Ray that this test makes up."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from ray.exceptions import RayError

from orchestrator.cluster import node_watch
from orchestrator.cluster.node_watch import MemoryInquiries


class MadeUpRay:
    """Answers by the number of the question; a clock that stands still until it is moved."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[Any] = []
        self.answers: dict[int, Any] = {}
        self.now = 100.0
        self.here: int | None = 4
        context = SimpleNamespace(get_node_id=lambda: "home")
        monkeypatch.setattr(ray, "get_runtime_context", lambda: context)
        monkeypatch.setattr(ray, "remote", self.make_remote)
        monkeypatch.setattr(ray, "wait", self.wait)
        monkeypatch.setattr(ray, "get", self.get)
        monkeypatch.setattr(node_watch, "count_oom_kills", lambda: self.here)
        monkeypatch.setattr(node_watch, "NodeAffinitySchedulingStrategy", lambda node_id, soft: (node_id, soft))
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def make_remote(self, **options: Any) -> Any:
        assert options == {"num_cpus": 0, "max_retries": 0}, "it takes no worker from a stage"
        return lambda function: SimpleNamespace(options=self.choose, function=function)

    def choose(self, scheduling_strategy: Any) -> Any:
        def remote() -> int:
            self.asked.append(scheduling_strategy)
            return len(self.asked) - 1

        return SimpleNamespace(remote=remote)

    def wait(self, refs: list[int], num_returns: int, timeout: float) -> tuple[list[int], list[int]]:
        assert (num_returns, timeout) == (len(refs), 0)
        ready = [ref for ref in refs if ref in self.answers]
        return ready, [ref for ref in refs if ref not in ready]

    def get(self, ref: int) -> Any:
        if isinstance(self.answers[ref], BaseException):
            raise self.answers[ref]
        return self.answers[ref]


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> MadeUpRay:
    return MadeUpRay(monkeypatch)


def test_one_kill_explains_one_lost_worker_of_this_machine(made_up: MadeUpRay) -> None:
    inquiries: MemoryInquiries[str] = MemoryInquiries()
    assert inquiries.ask("home", 3, "a") is True
    assert inquiries.ask("home", 3, "b") is False, "the same kill"
    made_up.here = 5
    assert inquiries.ask("home", 3, "c") is True
    assert inquiries.ask("home", 5, "d") is False
    made_up.here = None
    assert inquiries.ask("home", 0, "e") is False
    assert made_up.asked == []


def test_other_nodes_are_asked_without_waiting_and_those_that_are_late_say_no(made_up: MadeUpRay) -> None:
    inquiries: MemoryInquiries[str] = MemoryInquiries()
    assert inquiries.collect_answers() == []
    for node, before, subject in (("n1", 2, "a"), ("n2", 2, "b"), ("n3", 0, "c"), ("n4", 0, "d")):
        assert inquiries.ask(node, before, subject) is None
    assert made_up.asked == [("n1", False), ("n2", False), ("n3", False), ("n4", False)]
    made_up.answers = {1: 3, 0: 2, 2: RayError("gone")}
    assert sorted(inquiries.collect_answers()) == [("a", False), ("b", True), ("c", False)]
    assert inquiries.refs == [3]
    made_up.now += node_watch.PATIENCE
    assert inquiries.collect_answers() == []
    made_up.now += 0.1
    assert inquiries.collect_answers() == [("d", False)]
    assert inquiries.refs == []
