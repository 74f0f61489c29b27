"""What went wrong on the way of a sweep, kept in its folder: failures and preemptions, counted apart."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tasks.errors import UnreadableError
from tasks.storage.documents import Document, Seconds, note_passed_over, parse_document
from tasks.storage.stage_record import Key
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


class FaultDocument(Document):
    """A line of the log."""

    what: Literal["failure", "preemption"]
    kind: str
    keys: list[Key]
    error: str
    again: bool
    time: Seconds


def read_faults(sweep: SweepStore) -> list[dict[str, Any]]:
    """Every fault of every launch, in the order of time; what cannot be read is named and passed over."""
    found: list[dict[str, Any]] = []
    try:
        names = sweep.storage.list_names(sweep.path(paths.FAULTS))
    except UnreadableError as error:
        note_passed_over(error)
        return []
    for name in names:
        found += _read_log(sweep, sweep.path(paths.FAULTS, name))
    return sorted(found, key=lambda entry: float(entry["time"]))


def _read_log(sweep: SweepStore, name: str) -> list[dict[str, Any]]:
    found = []
    try:
        *lines, last = sweep.storage.read(name).split(b"\n")
        if last and not last.startswith(b'{"what"'):  # so begins a line whose end a killed driver did not write
            lines.append(last)
        for number, line in enumerate(lines, 1):
            try:
                found.append(
                    parse_document(line, FaultDocument, f"{sweep.storage.describe_place(name)}: line {number}")
                )
            except UnreadableError as error:
                note_passed_over(error)
    except FileNotFoundError:
        return []
    except UnreadableError as error:
        note_passed_over(error)
    return found
