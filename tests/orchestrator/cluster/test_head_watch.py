"""How long a driver waits for the head of its cluster."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import ray

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


def test_a_driver_waits_for_half_a_minute_where_nobody_has_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(head_watch.TIMEOUT_VARIABLE, raising=False)
    assert head_watch.get_head_timeout() == 30
    monkeypatch.setenv(head_watch.TIMEOUT_VARIABLE, "50")
    assert head_watch.get_head_timeout() == 50


class Seconds:
    """A clock that moves by one with each look of a watch."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answers: str) -> None:
        """:param answers: a letter for each second: `y` where the head answers then."""
        self.answers, self.now, self.asked = answers, 0.0, []  # type: ignore[var-annotated]
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(socket, "create_connection", self.connect)
        monkeypatch.setattr(threading, "Event", lambda: self)

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return self.now > len(self.answers)

    def connect(self, address: tuple[str, int], timeout: float) -> Any:
        self.asked.append((address, timeout))
        if self.answers[int(self.now) - 1] != "y":
            raise ConnectionRefusedError
        return socket.socket()


@pytest.mark.parametrize(
    ("answers", "lost_at"),
    [("yyy...yyy", None), ("...yyy....", 10), ("yy...y...y", None), ("....y", 4), ("y....", 5), ("y...y", None)],
)
def test_a_head_is_lost_once_it_has_been_away_for_longer_than_the_limit_in_one_piece(
    answers: str, lost_at: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = Seconds(monkeypatch, answers)
    told: list[str] = []
    watch = head_watch.HeadWatch("[::1]:6379", 3.0, told.append)
    watch.watch()
    assert set(map(str, seconds.asked)) == {"(('::1', 6379), 2.0)"}
    assert told == ([] if lost_at is None else ["the head of the cluster, [::1]:6379, has not answered for 3 s"])
    assert seconds.now == (len(answers) + 1 if lost_at is None else lost_at)


def test_a_raylet_may_be_gone_for_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = Seconds(monkeypatch, "y" * 12)
    living = [True, True, False, False, False, False, False, True, False, False, False, False]
    monkeypatch.setattr(head_watch, "is_alive", lambda name: name == "first" or living[int(seconds.now) - 1])
    told: list[str] = []
    watch = head_watch.HeadWatch("head:6379", 3.0, told.append, ["first", "second"])  # type: ignore[list-item]
    watch.watch()
    assert not told
    living[7] = False
    seconds.now = 0.0
    watch.watch()
    assert (len(told), seconds.now) == (1, 8.0)


def test_a_watch_is_of_this_cluster_and_of_the_raylets_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[Any, ...]] = []
    closed: list[bool] = []

    def make(*words: Any) -> Any:
        made.append(words)
        return SimpleNamespace(watch=lambda: words[2]("the head is gone"), close=lambda: closed.append(True))

    children = [SimpleNamespace(name=lambda name=name: name) for name in ("gcs_server", "raylet", "sleep")]
    monkeypatch.setattr(psutil, "Process", lambda: SimpleNamespace(children=lambda: children))
    monkeypatch.setattr(ray, "get_runtime_context", lambda: SimpleNamespace(gcs_address="10.0.0.1:6379"))
    monkeypatch.setattr(head_watch, "HeadWatch", make)
    monkeypatch.setenv(head_watch.TIMEOUT_VARIABLE, "7")
    told, heard = [], threading.Event()

    def lose(reason: str) -> None:
        told.append(reason)
        heard.set()

    with head_watch.watch_head(lose):
        assert heard.wait(60)
        assert not closed
    assert (told, closed) == (["the head is gone"], [True])
    ((address, timeout, _, raylets),) = made
    assert (address, timeout, raylets) == ("10.0.0.1:6379", 7.0, children[1:2])


@pytest.mark.parametrize("dies", [True, False])
def test_the_last_words_are_those_of_a_process_that_ended_without_a_word(
    dies: bool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shells: list[Any] = []
    start = subprocess.Popen

    def note(*words: Any, **options: Any) -> Any:
        shells.append(start(*words, **options))
        return shells[-1]

    monkeypatch.setattr(subprocess, "Popen", note)
    with head_watch._write_if_killed("100 % gone"):
        (shell,) = shells
        if dies:
            shell.stdin.close()  # as the system does it
            shell.wait()
    assert shell.poll() == 0
    assert capfd.readouterr().err == ("100 % gone\n" if dies else "")
