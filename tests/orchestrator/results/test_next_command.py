"""Commands that can be copied."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.options import STORAGE_VARIABLE
from orchestrator.results.next_command import name_command
from orchestrator.store.sweep_store import SweepStore
from tasks.storage.storage import open_storage


def test_the_storage_is_named_where_the_command_would_look_into_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = SweepStore(open_storage(tmp_path / "with space"), "made-1")
    assert name_command("wandb sync", sweep) == f"advsweep wandb sync made-1 --storage '{sweep.storage.uri}'"
    monkeypatch.setenv(STORAGE_VARIABLE, str(tmp_path / "with space"))
    assert name_command("results", sweep) == "advsweep results made-1"
