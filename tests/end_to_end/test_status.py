"""A real sweep, seen from elsewhere while it runs."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from orchestrator.launch import launch
from orchestrator.options import LaunchOptions
from orchestrator.status.facts import collect_facts
from orchestrator.store import heartbeat
from orchestrator.tracking import log
from tasks.storage.storage import open_storage
from tests.support.harness import advsweep, rows
from tests.support.wandb_stub import Stub

pytestmark = [pytest.mark.slow, pytest.mark.cluster]

FEW = ("adversarial_finetune=null", "prune=null")
"""Two trials that share a model."""


def test_a_real_sweep_is_seen_while_its_wandb_server_dies(
    space_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, screen, looks = tmp_path / "storage", io.StringIO(), list[dict[str, Any]]()
    monkeypatch.setattr(heartbeat, "BEAT", 0.2)
    monkeypatch.setattr(log, "SEND_LIMIT", 2.0)
    monkeypatch.setattr(log, "SEND_EVERY", 0.0)
    ended = threading.Event()
    with Stub() as server:
        server.last = "UpsertBucket"
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)

        def look() -> None:
            """Another machine that shares the storage."""
            while not ended.wait(0.1):
                for name in storage.glob("sweeps/*/plan.json"):
                    looks.append(collect_facts(open_storage(storage), name.parent.name))

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            options = LaunchOptions(
                str(space_file), overrides=FEW, storage=str(storage), wandb="online", max_concurrent=1
            )
            code = launch(options, Console(file=screen, width=300))
        finally:
            ended.set()
            watcher.join()
    assert code == 0
    assert {row["status"] for row in rows(storage)} == {"finished"}
    assert [line for line in screen.getvalue().splitlines() if line.startswith("W&B")] != []
    assert screen.getvalue().count("sends them") == 1
    running = [found for found in looks if found["state"] == "running"]
    places = {entry["where"] for found in running for entry in found["running"]}
    assert places
    assert all(" pid " in place for place in places)
    assert max(found["jobs_done"] for found in running) > 0
    (after,) = json.loads(advsweep("status", "--storage", storage, "--json").stdout)
    assert (after["state"], after["detail"]) == ("finished", "ended with 2 finished and 0 failed trials")
