"""What a query may take of this machine."""

from __future__ import annotations

import resource
import threading
from pathlib import Path
from typing import Any

import pytest

from orchestrator.results.limits import limit_memory, limit_time

ALL = resource.RLIM_INFINITY
PAGE = resource.getpagesize()


@pytest.mark.parametrize(
    ("limits", "set_to"),
    [((ALL, ALL), 7 * PAGE + 1000), ((8 * PAGE, ALL), 7 * PAGE + 1000), ((5 * PAGE, ALL), 5 * PAGE),
     ((ALL, 6 * PAGE), 6 * PAGE)],
)  # fmt: skip
def test_memory_is_limited_by_what_is_taken_already_and_never_beyond_what_was(
    limits: tuple[int, int], set_to: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Any] = []
    monkeypatch.setattr(Path, "read_text", lambda _: "7 3 2 1\n")
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits if kind == resource.RLIMIT_AS else None)
    monkeypatch.setattr(resource, "setrlimit", lambda kind, pair: done.append((kind, pair)))
    with pytest.raises(MemoryError), limit_memory(1000.9):
        raise MemoryError
    assert done == [(resource.RLIMIT_AS, (set_to, limits[1])), (resource.RLIMIT_AS, limits)]


def test_where_the_system_does_not_say_what_is_taken_there_is_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Path) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", fail)
    monkeypatch.setattr(resource, "setrlimit", pytest.fail)
    with limit_memory(1000):
        pass


def test_who_takes_too_long_is_interrupted_once_and_it_is_known() -> None:
    interrupted = threading.Event()
    with limit_time(0.001, interrupted.set) as over:
        assert interrupted.wait(60)
        assert over.is_set()
    with limit_time(600, pytest.fail) as over:
        assert not over.is_set()
    assert all(timer.finished.is_set() for timer in threading.enumerate() if isinstance(timer, threading.Timer))
