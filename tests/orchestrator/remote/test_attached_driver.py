"""A driver on the head for as long as this process is connected."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from rich.console import Console

from orchestrator.cluster.address import parse_address
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
