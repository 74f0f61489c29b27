"""How long a driver waits for the head of its cluster."""

from __future__ import annotations

import subprocess
import threading

import psutil
import pytest

from orchestrator.cluster import head_watch
from tasks.errors import UsageError


@pytest.mark.parametrize("text", ["soon", "0", "-3", "nan", "60"])
def test_the_patience_with_a_head_is_bounded(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(head_watch.TIMEOUT_VARIABLE, text)
    with pytest.raises(UsageError, match="is not a number of seconds up to 50"):
        head_watch.get_head_timeout()


def test_a_raylet_that_has_ended_is_told_though_the_head_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_watch, "INTERVAL", 0.01)
    monkeypatch.setattr(head_watch, "GONE", 0.05)
    told: list[str] = []
    child = subprocess.Popen(["sleep", "600"])
    raylet = psutil.Process(child.pid)
    assert head_watch.is_alive(raylet)
    watch = head_watch.HeadWatch("127.0.0.1:1", 1e9, told.append, [raylet])
    thread = threading.Thread(target=watch.watch)
    thread.start()
    child.kill()  # not waited for: it stays as a zombie, as a child of a driver may
    thread.join()
    child.wait()
    assert told == ["the process of Ray that runs stages on this machine has ended"]
