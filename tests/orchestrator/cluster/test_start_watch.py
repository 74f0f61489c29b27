"""What is said where Ray cannot start."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from orchestrator.cluster import start_watch
from orchestrator.cluster.start_watch import FAILED, watch_start
from tasks.errors import UsageError


@pytest.mark.parametrize(
    ("error", "reason"),
    [(RuntimeError("\nno room\ntraceback"), "no room"), (ValueError(" "), "ValueError")],
)
def test_what_ray_itself_says_is_handed_on(error: Exception, reason: str) -> None:
    with pytest.raises(UsageError) as found, watch_start(Path("/none")):
        raise error
    assert str(found.value) == f"{FAILED}. It says: {reason}"
    assert found.value.__cause__ is error


def test_the_watch_ends_with_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_watch, "INTERVAL", 0.001)
    before = set(threading.enumerate())
    with watch_start(Path("/none")):
        (watch,) = set(threading.enumerate()) - before
        assert watch.is_alive()
    watch.join(5)
    assert not watch.is_alive()


class ExitError(Exception):
    """In the place of the end of this process."""


class Children:
    """The children of this process at each look of the watch, and a start that takes as many looks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, recovers: bool = False) -> None:
        self.names = {7: "gcs_server", 8: "raylet", 9: "sleep"}
        self.gone: dict[int, int] = {}
        """Look -> process that ends then."""
        self.look, self.waited, self.recovers = 0, [], recovers  # type: ignore[var-annotated]
        self.status = dict.fromkeys(self.names, psutil.STATUS_SLEEPING)
        monkeypatch.setattr(psutil, "Process", lambda: self)
        monkeypatch.setattr(os, os._exit.__name__, self.exit)

    def exit(self, code: int) -> None:
        self.waited.append(f"exit {code}")
        raise ExitError

    def children(self) -> list[Any]:
        return [SimpleNamespace(pid=pid, name=lambda pid=pid: self.names[pid], status=lambda pid=pid: self.tell(pid))
                for pid in self.names if self.status[pid] != "waited for"]  # fmt: skip

    def tell(self, pid: int) -> str:
        if self.status[pid] == "waited for":
            raise psutil.NoSuchProcess(pid)
        return self.status[pid]

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        if seconds == start_watch.GRACE:
            return self.recovers
        self.look += 1
        if self.look in self.gone:
            self.status[self.gone[self.look]] = psutil.STATUS_ZOMBIE if self.look % 2 else "waited for"
        return self.look == 6


@pytest.mark.parametrize(("gone", "lost"), [({2: 9, 3: 7}, 7), ({4: 8}, 8), ({2: 9, 3: 9}, None), ({}, None)])
def test_a_start_whose_process_was_ended_says_which_and_ends(
    gone: dict[int, int],
    lost: int | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    children = Children(monkeypatch)
    children.gone = gone
    with contextlib.suppress(ExitError):
        start_watch._watch(children, tmp_path)  # type: ignore[arg-type]
    if lost is None:
        assert (children.look, children.waited) == (6, [0.2] * 6)
        return
    assert children.waited == [*[0.2] * max(gone), 3.0, "exit 2"]
    assert capsys.readouterr().err == f"error: {FAILED}. Its process {lost} ({children.names[lost]}) was ended\n"


LOGS = {
    "raylet.out": "[2026-11-27 17:30:03,412 I 24718 24718] (raylet) main.cc:283: all is well\n"
    "[2026-11-27 17:30:04,412 E 24718 24718] (raylet) main.cc:284: a first error\n"
    "[2026-11-27 17:30:05,412 C 24718 24718] (raylet) store.cc:9:  Check failed: no \x1b room \n"
    "    a line of its stack\n"
    "[2026-11-27 17:30:05,412 E 24718 24718] (raylet) logging.cc:477: *** SIGABRT ***\n"
    "[2026-11-27 17:30:06,412 W 24718 24718] (raylet) main.cc:283: a warning\n",
    "gcs_server.out": "[2026-11-27 17:30:03,178 I 24680 24680] (gcs_server) main.cc:98: nothing of errors\n",
    "gcs_server.err": "[2026-11-27 17:30:05,412 E 24718 24718] logging.cc:477: *** SIGABRT ***\n"
    "[2026-11-27 17:30:05,412 E 24718 24718] logging.cc:477: PC: @ 0x7f  (unknown)\n"
    "[2026-11-27 17:30:05,412 E 24718 24718] logging.cc:477:     @ 0x7f  (unknown)\n",
}


@pytest.mark.parametrize(
    ("lost", "end"), [(8, ". It said: Check failed: no \\x1b room"), (7, ". It said: *** SIGABRT ***")]
)
def test_the_last_error_of_its_log_is_the_reason(
    lost: int, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = tmp_path / "session_1" / "logs"
    logs.mkdir(parents=True)
    for name, text in LOGS.items():
        (logs / name).write_text(text)
    children = Children(monkeypatch)
    children.gone = {2: lost}
    with contextlib.suppress(ExitError):
        start_watch._watch(children, tmp_path)  # type: ignore[arg-type]
    assert capsys.readouterr().err.endswith(f" was ended{end}\n")


def test_a_start_that_ray_has_given_up_itself_meanwhile_ends_by_that(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    children = Children(monkeypatch, recovers=True)
    children.gone = {3: 7}
    start_watch._watch(children, Path("/none"))  # type: ignore[arg-type]
    assert children.waited == [0.2, 0.2, 0.2, 3.0]
    assert capsys.readouterr().err == ""
