"""Sending runs that were written offline: what W&B's client prints, and batch after batch."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from orchestrator.store.sweep_store import SweepStore
from orchestrator.tracking import sender
from orchestrator.tracking.commands import sync
from orchestrator.tracking.folder import WandbFolder, run_id
from orchestrator.tracking.sender import Sender, parse_output, read_logged_errors
from tasks.storage.storage import open_storage
from tests.support.wandb_stub import Stub
from tests.support.wandb_sweep import TRIALS, Sweep


@pytest.mark.parametrize(
    ("text", "sent", "error"),
    [
        ("wandb: [p/a1] Finished syncing x-a1\nwandb: [p/b2] Finished syncing x-b2", ["A", "B"], None),
        ("wandb: ERROR [p/a1] Fatal\nwandb: [p/a1] Finished syncing x-a1\n[p/b2] Finished syncing b2", ["B"], "Fatal"),
        ("wandb: [p/a1] Finished syncing x-a1\nwandb: ERROR permission denied", [], "permission denied"),
        ("wandb: ERROR Find detailed error logs at: x\nError: WANDB_API_KEY invalid", [], "invalid"),
        ("wandb: [p/a1] uploading summary", [], None),
    ],
)
def test_what_the_client_prints_is_understood(text: str, sent: list[str], error: str | None) -> None:
    found = parse_output(text, {"a1": "A", "b2": "B"})
    assert found.keys == sent
    assert error in (found.error or "") if error else found.error is None


@pytest.mark.slow
def test_batches_are_noted_one_by_one(sweep: Sweep, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "BATCH", 2)
    told = list[str]()
    assert sync(sweep.store, 30, told.append)
    assert told[:2] == [f"2/{TRIALS + 1} runs sent", f"4/{TRIALS + 1} runs sent"]
    assert len(stub.runs) == TRIALS + 1


def test_a_client_that_is_ended_is_late_whatever_it_says_of_being_ended(
    sweep: Sweep, stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its log may get a last error, "context canceled", between the end of one of its processes and that of another."""

    def start_endless_client(*_: object, **options: Any) -> subprocess.Popen[bytes]:
        (tmp_path / "endless.sh").write_text("echo 'ERROR : context canceled'; exec sleep 600")
        return subprocess.Popen(["sh", tmp_path / "endless.sh"], stdout=options["stdout"], start_new_session=True)

    monkeypatch.setattr(sender, "start_python", start_endless_client)
    sent = Sender(WandbFolder(sweep.store)).send(1.0)
    assert not sent.keys
    assert sent.error is not None
    assert sent.error.startswith(f"{stub.url} did not take the runs in time")


class Client:
    """`wandb sync` as a script, started with what the sender says."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
        self.started: list[tuple[str, list[str], dict[str, Any]]] = []
        self.script = script
        self.folder = WandbFolder(SweepStore(open_storage(folder), "made-1"))
        monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
        monkeypatch.setenv("WANDB_API_KEY", "x" * 40)
        monkeypatch.setattr(sender, "POLL", 0.005)
        monkeypatch.setattr(sender, "start_python", self.start)

    def add_runs(self, *keys: str) -> None:
        for key in keys:
            (self.folder.path / "wandb" / f"offline-run-1-{run_id('made-1', key)}").mkdir(parents=True)
            self.folder.add_written(key)

    def start(self, module: str, arguments: list[str], **options: Any) -> subprocess.Popen[bytes]:
        self.started.append((module, arguments, options))
        process = {name: options[name] for name in ("stdin", "stdout", "stderr", "start_new_session")}
        return subprocess.Popen(["sh", "-c", self.script, *arguments], **process)


FINISH = 'for f in "$@"; do echo "wandb: Finished syncing ${f##*-}"; done'


def test_runs_are_sent_in_batches_from_a_folder_of_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(tmp_path, monkeypatch, FINISH)
    monkeypatch.setattr(sender, "BATCH", 2)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SERVICE", "x")
    monkeypatch.setenv("WANDB_ENTITY", "team")
    client.add_runs("a", "b", "c")
    told: list[tuple[int, int]] = []
    sent = Sender(client.folder).send(60, lambda *counts: told.append(counts))
    assert (sent.keys, sent.error, told) == (["a", "b", "c"], None, [(2, 3), (3, 3)])
    assert client.folder.unsent() == []
    module, arguments, options = client.started[0]
    folders = [str(client.folder.run_folder(key)) for key in "ab"]
    assert (module, arguments) == ("wandb", ["sync", "--yes", "--include-synced", *folders])
    environment = options["environment"]
    assert not {"WANDB_MODE", "WANDB_SERVICE"} & environment.keys()
    assert {name: environment[name] for name in ("WANDB_ENTITY", "WANDB_SILENT", "WANDB_DIR", "TMPDIR")} == {
        "WANDB_ENTITY": "team", "WANDB_SILENT": "false", "WANDB_DIR": str(client.folder.path),
        "TMPDIR": str(options["folder"]),
    }  # fmt: skip
    assert not options["folder"].exists()
    assert client.folder.path not in options["folder"].parents


@pytest.mark.parametrize(
    ("script", "sent", "error"),
    [
        (f"{FINISH}; exit 3", ["a", "b"], "wandb sync ended with exit code 3"),
        ('echo "wandb: Finished syncing ${3##*-}"', ["a"], "wandb sync left out 1 runs"),
        ('echo "wandb: ERROR ${4##*-} too large"; ' + FINISH, ["a"], "ERROR {b} too large"),
    ],
)
def test_why_not_all_were_sent(
    script: str, sent: list[str], error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(tmp_path, monkeypatch, script)
    monkeypatch.setattr(sender, "BATCH", 2)
    client.add_runs("a", "b", "c")
    found = Sender(client.folder).send(60)
    assert (found.keys, found.error) == (sent, error.format(b=run_id("made-1", "b")))
    assert client.folder.sent() == set(sent)
    assert len(client.started) == 1, "after what fails nothing more is tried"


def test_a_run_that_is_being_written_is_sent_after_those_that_are_whole_and_is_not_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(tmp_path, monkeypatch, FINISH)
    client.add_runs("a", "live")
    (tmp_path / "sweeps/made-1/wandb/written.txt").write_text("a\n")
    Sender(client.folder).send(60, unfinished="live")
    assert [arguments[3:] for _, arguments, _ in client.started] == [
        [str(client.folder.run_folder(key))] for key in ("a", "live")
    ]
    assert client.folder.sent() == {"a"}
    client.script = "exit 1"
    client.add_runs("b")
    assert Sender(client.folder).send(60, unfinished="live").error
    assert len(client.started) == 3


def test_who_is_stopped_or_late_is_ended_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(tmp_path, monkeypatch, "sleep 600")
    client.add_runs("a")
    stopped = Sender(client.folder)
    stopped.stop()
    assert stopped.send(600).error == "http://127.0.0.1:9 did not take the runs in time"
    now = time.monotonic()
    clock = iter([now, now + 5])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock, now + 11))
    assert Sender(client.folder).send(10).error == "http://127.0.0.1:9 did not take the runs in time"


def test_what_the_client_only_logs_is_read(tmp_path: Path) -> None:
    entries = [{"level": "ERROR", "sync_path": "/x/run-a1.wandb", "msg": "refused"}, {"level": "INFO", "msg": "fine"},
               {"level": "ERROR", "msg": "no place"}]  # fmt: skip
    lines = [json.dumps(entries[0]), "no JSON", *(json.dumps(entry) for entry in entries[1:])]
    (tmp_path / "log").write_text("\n".join(lines))
    assert read_logged_errors(tmp_path / "log") == "\nERROR run-a1: refused\nERROR : no place"


def test_the_users_own_settings_go_along_but_those_that_lead_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = WandbFolder(SweepStore(open_storage(tmp_path), "a-1"))
    for name, value in {
        "WANDB_MODE": "disabled",
        "WANDB_SERVICE": "here",
        "WANDB_API_KEY": "k",
        "WANDB_DIR": "x",
    }.items():
        monkeypatch.setenv(name, value)
    found = sender._build_environment(folder)
    assert not {"WANDB_MODE", "WANDB_SERVICE"} & found.keys()
    assert (found["WANDB_API_KEY"], found["WANDB_SILENT"], found["COLUMNS"]) == ("k", "false", "1000")
    assert found["WANDB_DIR"] == folder.environment()["WANDB_DIR"] != "x"
