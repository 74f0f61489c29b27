"""Nothing of ours runs into a Ray that shuts down: it would end the process."""

from __future__ import annotations

import gc
import weakref

import pytest
import ray

from orchestrator.cluster.private_ray import shut_down_ray


class Node:
    """Part of a cycle, as errors with their tracebacks are, which may hold references of Ray."""

    def __init__(self) -> None:
        self.itself = self


def test_what_the_collector_would_free_goes_before_and_the_collector_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    left = weakref.ref(Node())
    met: list[tuple[bool, bool]] = []
    monkeypatch.setattr(ray, "shutdown", lambda: met.append((left() is None, gc.isenabled())))
    shut_down_ray()
    assert met == [(True, False)]
    assert gc.isenabled()


def test_a_collector_that_rested_before_rests_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    gc.disable()
    try:
        shut_down_ray()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_the_collector_works_again_after_a_shutdown_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError

    monkeypatch.setattr(ray, "shutdown", fail)
    with pytest.raises(RuntimeError):
        shut_down_ray()
    assert gc.isenabled()
