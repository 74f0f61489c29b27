"""A driver on the head for as long as this process is connected."""

from __future__ import annotations

import io
import os
import subprocess
import threading
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from rich.console import Console

from orchestrator.cluster.address import parse_address
from orchestrator.cluster.private_ray import QUIET
from orchestrator.remote import attached_driver as attached
from orchestrator.remote.attached_driver import AttachedDriver
from orchestrator.remote.submission import JobSubmission
from tasks.errors import UsageError


def test_a_head_that_is_busy_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def refuse(address: str, **_: Any) -> None:
        asked.append(address)
        raise ConnectionAbortedError("Initialization failure from server:\nTraceback\n  ...\nRuntimeError: too busy")

    monkeypatch.setattr(ray, "init", refuse)
    monkeypatch.setattr(attached, "check_answers", lambda _: None)
    errand = JobSubmission("small", 8, (), {}, "s3://bucket")
    with pytest.raises(UsageError, match=r"Initialization failure from server: RuntimeError: too busy"):
        attached.run_attached(errand, parse_address("ray://127.0.0.1:1"), Console())
    assert len(asked) == attached.ATTEMPTS


def test_what_the_driver_prints_is_read_in_order_and_again_until_its_exit_code() -> None:
    driver = AttachedDriver(["status", "absent", "--storage", "."], "127.0.0.1:1")
    try:
        lines: list[str] = []
        code: int | None = None
        while code is None:
            fresh, code = driver.read(len(lines))
            lines += fresh
    finally:
        driver.interrupt()
    assert code == 2
    assert lines[-1].startswith("error: there is no sweep 'absent'")
    assert driver.read(0) == (lines, 2), "an answer that was lost is given again"


def test_who_waits_is_woken_by_each_line_and_by_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[tuple[int, bool]] = []

    class News(threading.Condition):
        def notify_all(self) -> None:
            woken.append((len(driver._lines), driver._ended))
            super().notify_all()

    process = SimpleNamespace(stdout=io.StringIO("first\nsecond\n"), pid=os.getpid(), wait=lambda: 3)
    still = SimpleNamespace(start=lambda: None)
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", lambda *_, **__: process)
        patch.setattr(threading, "Thread", lambda **_: still)
        patch.setattr(threading, "Condition", News)
        patch.setattr(attached, "keep", lambda _: None)
        driver = AttachedDriver([], "127.0.0.1:1")
    driver._collect()
    assert woken == [(1, False), (2, False), (2, True)]
    assert driver.read(1) == (["second"], 3)


def test_lines_are_shown_and_ctrl_c_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answers of a driver on the head, the second of which Ctrl-C interrupts."""
    answers: list[Any] = [(["a"], None), KeyboardInterrupt(), (["b"], None), (["c"], 130)]
    calls: list[tuple[str, Any]] = []

    def get(asked: Any) -> Any:
        calls.append(("seen", asked))
        answer = answers.pop(0)
        if isinstance(answer, KeyboardInterrupt):
            raise answer
        return answer

    driver = SimpleNamespace(
        read=SimpleNamespace(remote=lambda seen: seen),
        interrupt=SimpleNamespace(remote=lambda: calls.append(("interrupt", None))),
    )
    monkeypatch.setattr(ray, "get", get)
    shown = io.StringIO()
    assert attached.relay_output(driver, Console(file=shown)) == 130
    assert shown.getvalue() == "a\nb\nc\n"
    assert calls == [("seen", 0), ("seen", 1), ("interrupt", None), ("seen", 1), ("seen", 2)]


def test_the_driver_is_told_the_cluster_and_to_end_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    script = """trap 'echo "last of $0 $1" >&2; exit 7' TERM; echo $RAY_ADDRESS $PYTHONUNBUFFERED $PYTHONSAFEPATH
                while :; do sleep 0.02; done"""
    kept: list[int] = []
    monkeypatch.setattr(attached, "make_python_command", lambda module: ["sh", "-c", script, module])
    monkeypatch.setattr(attached, "keep", kept.append)
    driver = AttachedDriver(["launch", "--x"], "10.0.0.1:6379")
    lines: list[str] = []
    while not lines:
        lines, code = driver.read(0)
    assert (lines, code) == (["10.0.0.1:6379 1 1"], None)
    assert kept == [driver._process.pid] == [os.getpgid(driver._process.pid)]
    driver.interrupt()
    fresh: list[str] = []
    while code is None:
        more, code = driver.read(1 + len(fresh))
        fresh += more
    assert (fresh, code) == (["last of advsweep launch"], 7)


def test_a_driver_is_an_actor_beside_the_head_and_the_client_leaves_with_its_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[Any] = []
    tries = [ConnectionAbortedError("busy"), None]

    def connect(**options: Any) -> None:
        done.append(options)
        if (error := tries.pop(0)) is not None:
            raise error

    def remote(**options: Any) -> Any:
        def wrap(made: Any) -> Any:
            return SimpleNamespace(remote=lambda *words: (made, options, words))

        return wrap

    def relay(driver: Any, console: Any) -> int:
        done.append((driver, console))
        return 130

    monkeypatch.setattr(ray, "init", connect)
    monkeypatch.setattr(ray, "remote", remote)
    monkeypatch.setattr(ray, "get", lambda asked: f"the address by {asked[1]}")
    monkeypatch.setattr(ray, "shutdown", lambda: done.append("left"))
    monkeypatch.setattr(attached, "check_answers", done.append)
    monkeypatch.setattr(attached, "relay_output", relay)
    address, console = parse_address("ray://head:10001"), Console()
    sent = JobSubmission("small", 8, ("launch", "--x"), {"py_modules": ["p"]}, "s3://bucket")
    assert attached.run_attached(sent, address, console) == 130
    options = {"address": "ray://head:10001", "runtime_env": {"py_modules": ["p"]}, **QUIET}
    beside = {"node:__internal_head__": 0.001}
    asked = f"the address by {{'num_cpus': 0, 'resources': {beside}}}"
    actor = {"num_cpus": 0, "resources": beside, "max_concurrency": 2}
    driver = (AttachedDriver, actor, (("launch", "--x"), asked))
    assert done == [address, options, options, (driver, console), "left"]
