"""What is said where Ray cannot start."""

from __future__ import annotations

import threading

import pytest

from orchestrator.cluster import start_watch
from orchestrator.cluster.start_watch import FAILED, watch_start
from tasks.errors import UsageError


@pytest.mark.parametrize(
    ("error", "reason"),
    [(RuntimeError("\nno room\ntraceback"), "no room"), (ValueError(" "), "ValueError")],
)
def test_what_ray_itself_says_is_handed_on(error: Exception, reason: str) -> None:
    with pytest.raises(UsageError) as found, watch_start():
        raise error
    assert str(found.value) == f"{FAILED}. It says: {reason}"
    assert found.value.__cause__ is error


def test_the_watch_ends_with_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_watch, "INTERVAL", 0.001)
    before = set(threading.enumerate())
    with watch_start():
        (watch,) = set(threading.enumerate()) - before
        assert watch.is_alive()
    watch.join(5)
    assert not watch.is_alive()
