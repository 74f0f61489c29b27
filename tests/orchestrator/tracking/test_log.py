"""The log of a launch: one of several writes, and what is written and sent of what it is told."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import filelock
import pytest

from orchestrator.store.sweep_store import SweepStore
from orchestrator.tracking import log
from orchestrator.tracking.folder import WandbFolder
from orchestrator.tracking.log import WandbLog, has_pending
from orchestrator.tracking.overview import hash_overview
from orchestrator.tracking.sender import Sent
from orchestrator.tracking.server import UnreachableError
from tasks.storage.storage import open_storage
from tests.support.rows import ifgsm
from tests.support.wandb_sweep import Sweep


def test_two_launches_do_not_write_the_same_runs(sweep: Sweep) -> None:
    folder = WandbFolder(sweep.store)
    (folder.path / "written.txt").unlink()
    with filelock.FileLock(folder.path / log.LOCK):
        code, shown = sweep.launch("offline")
    assert (code, shown.count("another launch writes the runs of this sweep")) == (0, 1)


class Wandb:
    """In the place of everything that writes and sends: notes what it is told."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[Any] = []
        self.said: list[str] = []
        self.broken: set[str] = set()
        """Runs that cannot be written."""
        self.outcomes: list[Sent] = []
        """Of the attempts to send; whole where there are no more."""
        self.store = SweepStore(open_storage(folder), "made-1")
        self.folder = WandbFolder(self.store)
        monkeypatch.setattr(log, "Writer", self.make_writer)
        monkeypatch.setattr(log, "Sender", lambda _: SimpleNamespace(send=self.send, stop=lambda: None))
        monkeypatch.setattr(log, "LiveRun", self.make_live)
        monkeypatch.setattr(log, "ask_viewer", lambda: self.done.append("ask"))
        monkeypatch.setattr(
            log, "make_run_names", lambda rows: {row["trial_id"]: f"name of {row['trial_id']}" for row in rows}
        )
        monkeypatch.setattr(
            log, "build_trial_run", lambda row, _, name, classes: f"{row['trial_id']}: {name}, {classes}"
        )
        monkeypatch.setattr(log, "build_sweep_run", self.build_sweep)

    def make_writer(self, folder: WandbFolder, project: str) -> Any:
        self.done.append(f"open {folder.sweep.sweep_id} {project}")
        return SimpleNamespace(
            write=self.write, close=lambda: self.done.append("close"),
            discard=lambda key: self.done.append(f"discard {key}"),
        )  # fmt: skip

    def make_live(self, *_: Any) -> Any:
        return SimpleNamespace(
            log=lambda epoch: self.done.append(epoch.entry), finish=lambda: self.done.append("finish"), key="live-1"
        )

    def write(self, content: str) -> None:
        if content.partition(":")[0] in self.broken:
            raise OSError("no space")
        self.done.append(content)

    def build_sweep(self, sweep: SweepStore, rows: Any, names: Any) -> Any:  # noqa: ARG002
        assert all(names[row["trial_id"]] == f"name of {row['trial_id']}" for row in rows)
        return contextlib.nullcontext(f"sweep of {len(rows)}")

    def send(self, seconds: float, unfinished: str | None = None) -> Sent:
        self.done.append(("send", seconds, unfinished))
        return self.outcomes.pop(0) if self.outcomes else Sent()

    def make(self, mode: str, **more: Any) -> WandbLog:
        rows = [make_row(name) for name in "abcdefg"]
        return WandbLog(
            self.store, mode, "mine", self.said.append, lambda key: f"classes of {key}", lambda: rows, **more
        )


def make_row(name: str) -> Any:
    return ifgsm("8/255", 1, 3) | {"trial_id": name, "attack_key": name}


@pytest.fixture
def wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wandb:
    return Wandb(tmp_path, monkeypatch)


def test_each_finished_trial_is_written_once_then_the_sweep(wandb: Wandb) -> None:
    rows = [make_row("a"), make_row("b")]
    old, sent = "sweep-old", "sweep-sent"
    for key in ("b", old, sent, "live-0"):
        wandb.folder.add_written(key)
    wandb.folder.add_sent([sent])
    made = wandb.make("offline")
    made.add_epoch("stage", {"epoch": 0})  # type: ignore[arg-type]
    for row in (rows[1], rows[0], rows[0]):
        made.add(row)
    made.close(rows)
    assert wandb.done == [
        "open made-1 mine", {"epoch": 0}, "a: name of a, classes of a", "finish", "sweep of 2", f"discard {old}",
        "close",
    ]  # fmt: skip
    assert wandb.said == []
    assert wandb.folder.place()["project"] == "mine"


def test_a_sweep_as_it_was_is_not_written_again(wandb: Wandb) -> None:
    rows = [make_row("a")]
    wandb.folder.add_written(hash_overview(rows))
    made = wandb.make("offline", each_trial=False)
    made.add(rows[0])
    made.close(rows)
    assert wandb.done == ["open made-1 mine", "finish", "close"]


def test_nothing_is_written_where_wandb_is_off(wandb: Wandb) -> None:
    made = wandb.make("disabled")
    made.start()
    made.add(make_row("a"))
    made.add_epoch("stage", {"epoch": 0})  # type: ignore[arg-type]
    made.close([make_row("a")])
    assert (wandb.done, wandb.folder.path.exists()) == ([], False)


def test_several_runs_in_a_row_that_cannot_be_written_are_the_last_that_are_tried(wandb: Wandb) -> None:
    wandb.broken = {"a", "b", "d", "f", "g", "h"}
    made = wandb.make("offline")
    for name in "abcdefghi":
        made.add(make_row(name))
    made.close([make_row("a")])
    assert wandb.done == [
        "open made-1 mine", "c: name of c, classes of c", "e: name of e, classes of e", "close",
    ]  # fmt: skip
    assert wandb.said == [
        "W&B: a run could not be written: OSError: no space",
        "W&B: 9 runs could not be written; the next launch tries them again",
    ]


def test_runs_are_sent_now_and_then_and_at_the_end(wandb: Wandb, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    made = wandb.make("online")
    steps = iter([30.0, 0.1, 30.0, 30.1])

    def write(content: str) -> None:
        now[0] += next(steps, 0.0)
        wandb.done.append(content[0])

    monkeypatch.setattr(wandb, "write", write)
    for name in "abcd":
        made.add(make_row(name))
    made.close([make_row("a")])
    sends = [entry for entry in wandb.done if isinstance(entry, tuple) or entry in list("abcd")]
    assert sends[:6] == ["a", "b", ("send", 60.0, "live-1"), "c", "d", ("send", 60.0, "live-1")]
    (_, seconds, unfinished), *rest = sends[6:]
    assert (seconds <= 59.0, unfinished, rest) == (True, None, [])
    assert wandb.done[:2] == ["open made-1 mine", "ask"]


@pytest.mark.parametrize(("hurried", "seconds"), [(False, 59.0), (True, 9.0)])
def test_the_last_attempt_ends_before_the_sweep_stops_waiting(
    hurried: bool, seconds: float, wandb: Wandb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    wandb.outcomes = [Sent([], "it is full")]
    made = wandb.make("online")
    made.start()
    made.close([make_row("a")], hurried=hurried)
    assert wandb.done[-1] == ("send", seconds, None)
    (said,) = wandb.said
    assert said.startswith(f"W&B: it is full; the runs are kept in {wandb.folder.path}, `advsweep wandb sync made-1")
    assert said.endswith("` sends them")


def test_a_server_that_cannot_be_reached_is_said_once_and_runs_are_written(
    wandb: Wandb, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise UnreachableError("there is no key")

    monkeypatch.setattr(log, "ask_viewer", refuse)
    made = wandb.make("online")
    made.add(make_row("a"))
    made.close([make_row("a")])
    assert [entry for entry in wandb.done if isinstance(entry, tuple)] == []
    assert "sweep of 1" in wandb.done
    assert [said.partition(";")[0] for said in wandb.said] == ["W&B: there is no key"]


def test_a_writer_that_breaks_ends_no_sweep(wandb: Wandb, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ValueError("odd")

    monkeypatch.setattr(log, "Writer", fail)
    made = wandb.make("offline")
    made.add(make_row("a"))
    made.close([make_row("a")])
    assert wandb.said == ["W&B: ValueError: odd; runs are missing, the next launch writes them"]


def test_who_does_not_end_in_time_is_stopped_and_left(wandb: Wandb, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[str] = []
    made = wandb.make("online")
    waited: list[float] = []
    thread = SimpleNamespace(join=waited.append, is_alive=lambda: True)
    monkeypatch.setattr(threading, "Thread", lambda **_: SimpleNamespace(start=lambda: None, **vars(thread)))
    made.start()
    made._sender = SimpleNamespace(stop=lambda: stopped.append("stop"))  # type: ignore[assignment]
    made.close([], hurried=True)
    assert (waited, stopped) == ([10.0], ["stop"])
    assert wandb.said == ["W&B: it did not end in time; the next launch writes what is missing"]


@pytest.mark.parametrize(
    ("mode", "each", "written", "sendable", "pending"),
    [
        ("offline", True, "a b whole", True, False),
        ("online", True, "a b whole", True, True),
        ("online", True, "a b whole", False, False),
        ("offline", True, "a whole", False, True),
        ("offline", False, "a whole", False, False),
        ("offline", False, "a b", False, True),
        ("disabled", True, "", True, False),
    ],
)
def test_what_a_launch_has_left_to_write_or_to_send(
    mode: str, each: bool, written: str, sendable: bool, pending: bool, wandb: Wandb, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = {name: make_row(name) for name in "ab"}
    for key in written.split():
        wandb.folder.add_written(hash_overview(list(finished.values())) if key == "whole" else key)
    monkeypatch.setattr(WandbFolder, "sendable", lambda _: ["a"] if sendable else [])
    assert has_pending(wandb.store, finished, mode, each_trial=each) is pending


def test_after_an_attempt_to_send_that_failed_no_other_is_made(wandb: Wandb, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def write(_: str) -> None:
        now[0] += 31.0

    monkeypatch.setattr(wandb, "write", write)
    wandb.outcomes = [Sent([], "it is full")]
    made = wandb.make("online")
    for name in "abc":
        made.add(make_row(name))
    made.close([make_row("a")])
    assert [entry for entry in wandb.done if isinstance(entry, tuple)] == [("send", 60.0, "live-1")]
    assert [said.partition(";")[0] for said in wandb.said] == ["W&B: it is full"]
