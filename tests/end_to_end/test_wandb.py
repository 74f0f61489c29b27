"""W&B: what is written offline, what a server gets, and that no fault of a server changes anything about a sweep."""

from __future__ import annotations

import io
import shutil
import socket
from pathlib import Path

import pytest
from rich.console import Console

from orchestrator.launch import launch
from orchestrator.options import LaunchOptions
from orchestrator.tracking import log, server
from orchestrator.tracking.commands import sync
from orchestrator.tracking.folder import WandbFolder
from tasks.errors import UsageError
from tests.support.harness import LIMIT, advsweep
from tests.support.wandb_stub import KEY, Fault, Stub
from tests.support.wandb_sweep import TRIALS, Sweep

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever does well has all the time of a busy machine."""
    monkeypatch.setattr(server, "PATIENCE", LIMIT)
    monkeypatch.setattr(log, "SEND_LIMIT", LIMIT)
    monkeypatch.setattr(log, "CLOSE_LIMIT", LIMIT)


def test_an_online_launch_sends_everything_once(sweep: Sweep, stub: Stub) -> None:
    before = sweep.files()
    stub.fault = Fault(delay=0.05)  # slow, not broken
    assert sweep.launch("online")[0] == 0
    trials = {name: run for name, run in stub.runs.items() if run.attributes["jobType"] == "trial"}
    assert trials.keys() == sweep.ids()
    assert len(stub.runs) == TRIALS + 1
    for name, run in stub.runs.items():
        assert run.complete
        assert run.inserted == 1
        assert run.attributes["groupName"] == sweep.store.sweep_id
        assert any(file.endswith(".png") for file in stub.uploaded(name))
    for name, run in trials.items():
        assert [row["train/epoch"] for row in stub.history(name) if "train/epoch" in row] == [0, 1]
        assert run.summary["robust_accuracy"] in {row["robust_accuracy"] for row in sweep.store.rows()}
        assert run.config["model"]["value"]["name"] == "resnet8"
    tables = [found for found in stub.artifacts.values() if found["type"] == "results"]
    assert [sorted(found["files"]) for found in tables] == [["examples.parquet", "history.parquet", "trials.parquet"]]
    assert {found["state"] for found in stub.artifacts.values()} == {"COMMITTED"}
    asked, lines = stub.operations.copy(), {name: stub.history(name) for name in stub.runs}
    assert sweep.launch("online")[0] == 0
    assert (stub.operations, {name: stub.history(name) for name in stub.runs}) == (asked, lines)
    assert sweep.files() == before
    assert not stub.unknown


def test_a_sweep_of_too_many_trials_is_one_run_with_tables(sweep: Sweep, stub: Stub) -> None:
    shutil.rmtree(WandbFolder(sweep.store).path)
    assert sweep.launch("online", runs=TRIALS - 1)[0] == 0
    (run,) = stub.runs.values()
    assert run.complete
    assert run.attributes["jobType"] == "sweep"
    assert run.summary["finished"] == TRIALS
    for name in ("trials", "verdicts"):
        (table,) = [row[name] for row in stub.history(run.name) if name in row]
        assert table["nrows"] == TRIALS
        assert table["path"] in stub.uploaded(run.name)
    (tables,) = [found for found in stub.artifacts.values() if found["type"] == "results"]
    assert "trials.parquet" in tables["files"]
    asked = stub.operations.copy()
    assert sweep.launch("online", runs=TRIALS - 1)[0] == 0
    assert stub.operations == asked, "nothing was missing"
    assert sweep.launch("online", runs=TRIALS)[0] == 0
    assert stub.runs.keys() == {run.name, *sweep.ids()}, "as many as there are may have one each"


@pytest.mark.parametrize("command", ["wandb sync", "launch --wandb online"])
def test_what_lies_beside_the_runs_is_not_imported_and_sees_no_key(
    command: str, sweep: Sweep, stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither modules of a stranger nor settings of W&B that name the stranger's server."""
    folder, mark = WandbFolder(sweep.store).path, tmp_path / "ran"
    for name in ("random.py", "sitecustomize.py", "wandb/__init__.py", "wandb/random.py"):
        (folder / name).write_text(f"import os\nopen({str(mark)!r}, 'w').write(os.environ['WANDB_API_KEY'])\n")
    (tmp_path / "settings").write_text(f"[default]\nbase_url = {stub.url}\n")
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path))
    monkeypatch.delenv("WANDB_BASE_URL")
    with Stub() as stranger:
        (folder / "wandb" / "settings").write_text(f"[default]\nbase_url = {stranger.url}\n")
        if command == "wandb sync":
            advsweep("wandb", "sync", sweep.store.sweep_id, "--storage", sweep.storage)
        else:
            assert sweep.launch("online")[0] == 0
        assert not stranger.operations
    assert not mark.exists()
    assert stub.runs.keys() >= sweep.ids()


HANGS = 3600.0
"""Seconds that a server does not answer, unless it is ended: more than a test may take."""
FAULTS = {
    "no_key": (None, "there is no key"),
    "refused": (None, "cannot be reached"),
    "401": (Fault(status=401), "does not take the key"),
    "403": (Fault(status=403), "does not take the key"),
    "500": (Fault(status=500), "cannot answer (status 500)"),
    "404": (Fault(status=404), "cannot answer (status 404)"),
    "hangs": (Fault(delay=HANGS), "cannot be reached: timed out"),
    "drops": (Fault(drop=True), "cannot be reached"),
    "runs_refused": (Fault(status=401, of=frozenset({"UpsertBucket"})), "injected"),
    "runs_fail": (Fault(status=500, of=frozenset({"UpsertBucket"})), "in time"),
    "rows_refused": (Fault(status=403, of=frozenset({"file_stream"})), "Fatal error while uploading data"),
    "rows_hang": (Fault(delay=HANGS, of=frozenset({"file_stream"})), "in time"),
    "rows_drop": (Fault(drop=True, of=frozenset({"file_stream"})), "in time"),
    "files_fail": (Fault(status=500, of=frozenset({"PUT"})), "in time"),
    "artifacts_fail": (Fault(status=500, of=frozenset({"CommitArtifact"})), "in time"),
}


def ends_only_by_time(name: str) -> bool:
    """Whether the client would go on trying for ever."""
    return FAULTS[name][1] == "in time"


@pytest.mark.parametrize("name", FAULTS)
def test_no_fault_of_a_server_changes_or_stalls_a_sweep(
    name: str, sweep: Sweep, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "hangs":
        monkeypatch.setattr(server, "PATIENCE", 1.0)
    if ends_only_by_time(name):
        monkeypatch.setattr(log, "SEND_LIMIT", 2.0)
    before = sweep.files()
    stub.fault, words = FAULTS[name]
    if name == "no_key":
        monkeypatch.delenv("WANDB_API_KEY")
        monkeypatch.setenv("NETRC", str(sweep.space))
    with socket.socket() as deaf:
        if name == "refused":
            deaf.bind(("127.0.0.1", 0))  # nobody listens there, and nobody else can
            monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        code, shown = sweep.launch("online")
    assert code == 0
    assert sweep.files() == before
    said = [line for line in shown.splitlines() if line.startswith("W&B")]
    assert len(said) == 1, shown
    assert words in said[0]
    assert f"`advsweep wandb sync {sweep.store.sweep_id} --storage {sweep.storage}` sends them" in said[0]
    assert KEY not in shown


def test_what_a_fault_left_behind_is_sent_once_and_stands_once(sweep: Sweep, stub: Stub) -> None:
    folder, told = WandbFolder(sweep.store), list[str]()
    for kind in ("file_stream", "PUT"):
        stub.fault = Fault(status=403, of=frozenset({kind}))
        assert not sync(sweep.store, LIMIT, told.append), "the client says it is synced, and it is not"
    stub.fault = None
    assert sync(sweep.store, LIMIT, told.append)
    assert len(stub.runs) == TRIALS + 1
    assert all(run.inserted == 1 and run.complete for run in stub.runs.values())
    for name in sweep.ids():
        assert [row["train/epoch"] for row in stub.history(name) if "train/epoch" in row] == [0, 1]
    asked = stub.operations.copy()
    assert sync(sweep.store, LIMIT, told.append)
    assert told[-1].endswith(f"nothing to send, {TRIALS + 1} runs are on the server")
    assert stub.operations == asked, "the second call asks the server nothing"
    assert not folder.sendable()


def test_no_key_stands_anywhere(sweep: Sweep, stub: Stub, capfd: pytest.CaptureFixture[str]) -> None:
    assert stub.key == KEY
    _, shown = sweep.launch("online")
    stub.key = "another"
    told = list[str]()
    (sweep.storage / next(sweep.storage.glob("sweeps/*/wandb/sent.txt"))).unlink()
    with pytest.raises(UsageError, match="does not take the key") as refused:
        sync(sweep.store, LIMIT, told.append)
    texts = [shown, str(refused.value), *told, *capfd.readouterr()]
    assert not any(KEY in text for text in texts)
    for file in sweep.storage.rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes(), file


def test_names_of_projects_are_checked_before_anything_runs(sweep: Sweep) -> None:
    with pytest.raises(UsageError, match="--project 'a/b'"):
        launch(LaunchOptions(str(sweep.space), storage=str(sweep.storage), project="a/b"), Console(file=io.StringIO()))
