"""Signs of life of drivers that do not run: what they would publish, and how old it is."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from orchestrator.run.state import SweepState
from orchestrator.store import heartbeat
from orchestrator.store.heartbeat import Heartbeat
from orchestrator.store.sweep_store import SweepStore


def published_facts(**changes: Any) -> dict[str, Any]:
    """What a driver publishes in the middle of a sweep."""
    stage = {"stage": "train", "key": "ab" * 32, "model": "resnet8", "seed": 1, "seconds": 9.0,
             "what": "lambda 0.9, ifgsm 8/255", "epoch": 2, "epochs": 5, "where": "node7 pid 42"}  # fmt: skip
    found = SweepState(8, 14, 3, {}).collect_facts() | {"jobs_done": 6, "failures": 3, "preemptions": 4}
    return found | {"eta_seconds": 90.0, "running": [stage]} | changes


def beating(sweep: SweepStore, **changes: Any) -> Heartbeat:
    """A driver that has given its first sign of life."""
    found = Heartbeat(sweep, lambda: published_facts(**changes), _fail)
    found._beat(heartbeat.RUNNING)
    return found


def _fail(error: Exception) -> None:
    raise error


def aged(tmp_path: Path, seconds: float) -> None:
    """Let the last sign of life be so old, by the clock of the storage."""
    for file in tmp_path.glob("storage/sweeps/*/drivers/*.json"):
        os.utime(file, (time.time() - seconds,) * 2)
