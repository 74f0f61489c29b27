"""Sending runs that were written offline: what W&B's client prints, and batch after batch."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from orchestrator.tracking import sender
from orchestrator.tracking.commands import sync
from orchestrator.tracking.folder import WandbFolder
from orchestrator.tracking.sender import Sender, parse_output
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
