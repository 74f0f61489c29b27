"""Sending runs that were written offline: what W&B's client prints, and batch after batch."""

from __future__ import annotations

import pytest

from orchestrator.tracking import sender
from orchestrator.tracking.commands import sync
from orchestrator.tracking.sender import parse_output
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
