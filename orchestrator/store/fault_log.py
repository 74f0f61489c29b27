"""What went wrong on the way of a sweep, kept in its folder: failures and preemptions, counted apart."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tasks.trial.chain import Stage

FAILURE, PREEMPTION = "failure", "preemption"


@dataclass(frozen=True)
class FaultLog:
    """The faults of one launch: a line per run that ended badly, in a file that no other launch writes."""

    sweep: SweepStore
    name: str = field(
        default_factory=lambda: f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}-{uuid.uuid4().hex[:6]}.jsonl"
    )

    def add(self, what: str, stages: Sequence[Stage], error: str, again: bool) -> None:
        """Write a line.

        :param what: `FAILURE` or `PREEMPTION`.
        :param again: whether the stages are tried again.
        """
        entry = {
            "what": what,
            "kind": stages[0].kind,
            "keys": [stage.key for stage in stages],
            "error": error,
            "again": again,
            "time": time.time(),
        }
        self.sweep.storage.append(self.sweep.path(paths.FAULTS, self.name), json.dumps(entry))


def read_faults(sweep: SweepStore) -> list[dict[str, Any]]:
    """Every fault of every launch, in the order of time."""
    names = sweep.storage.list_names(sweep.path(paths.FAULTS))
    lines = [
        line for name in names for line in sweep.storage.read(sweep.path(paths.FAULTS, name)).decode().splitlines()
    ]
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue  # the line that a killed driver was writing
    return sorted(found, key=lambda entry: float(entry["time"]))
