"""Asking a W&B server who we are, without a word of the key."""

from __future__ import annotations

import pytest

from orchestrator.tracking import server
from orchestrator.tracking.sender import parse_output
from tests.support.wandb_stub import KEY


def test_a_message_never_shows_the_key_or_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_BASE_URL", "http://someone:secret@127.0.0.1:9")
    assert server.redact_key(f"about {KEY}") == "about ***"
    assert parse_output(f"wandb: ERROR bad key {KEY}", {}).error == "ERROR bad key ***"
    with pytest.raises(server.UnreachableError) as refused:
        server.ask_viewer()
    assert "secret" not in str(refused.value)
