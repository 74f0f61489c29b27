"""`advsweep wandb sync`: what is missing is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import filelock
import pytest

from orchestrator.store.sweep_store import SweepStore
from orchestrator.tracking.commands import sync
from orchestrator.tracking.folder import WandbFolder
from orchestrator.tracking.sender import Sender, Sent
from tasks.errors import UsageError
from tests.support.finished_sweep import remote_storage
from tests.support.wandb_stub import Stub
from tests.support.wandb_sweep import TRIALS, Sweep


def test_sync_says_what_is_missing(sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETRC", str(sweep.space))
    with pytest.raises(UsageError, match="there is no key: set WANDB_API_KEY"):
        sync(sweep.store, 5, print)
    with filelock.FileLock(WandbFolder(sweep.store).path / "sending.lock"), Stub() as other:
        for name, value in other.environment.items():
            monkeypatch.setenv(name, value)
        told = list[str]()
        assert not sync(sweep.store, 5, told.append)
        assert "another process sends these runs now" in told[-1]
        assert not other.runs
    monkeypatch.chdir(tmp_path)
    shared = remote_storage(sweep.storage)
    remote = SweepStore(shared, sweep.store.sweep_id)
    with pytest.raises(
        UsageError, match=f"{TRIALS} runs are not sent, and their files are not on .* they lie in /.* on"
    ):
        sync(remote, 5, print)
    shutil.rmtree(WandbFolder(sweep.store).path)
    with pytest.raises(UsageError, match="has no W&B runs"):
        sync(sweep.store, 5, print)


def test_what_is_left_is_counted_without_what_was_sent_before(
    sweep: Sweep, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run was sent long ago, and one of the others goes before the server fails."""
    folder, told = WandbFolder(sweep.store), list[str]()
    first, second, *others = folder.written()
    folder.add_sent([first])
    sent = Sent([second], "the server has failed")
    monkeypatch.setattr(Sender, "send", lambda *_: sent)
    assert not sync(sweep.store, 5, told.append)
    assert told == [
        f"W&B: the server has failed; {len(others)} runs are kept in {folder.path}, the same command sends them"
    ]
    assert others
    assert not stub.runs
