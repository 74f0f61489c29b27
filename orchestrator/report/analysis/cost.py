"""What the stages of a sweep cost, and what sharing them saved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.store.stage_records import load_records
from orchestrator.store.sweep_store import SweepStore
from tasks.kinds import KINDS
from tasks.storage.stage_store import StageStore


@dataclass(frozen=True)
class Cost:
    """The stages of one kind in one sweep."""

    kind: str
    in_trials: int
    """Runs if every trial did all its own work."""
    distinct: int
    computed: int
    """By this sweep."""
    reused: int
    """From other sweeps of the same storage."""
    seconds: float
    """Spent by this sweep."""
    saved: float
    """Seconds that sharing within the sweep and reuse from others saved."""


def sum_costs(sweep: SweepStore, plan: dict[str, Any]) -> list[Cost]:
    """What each kind of stage cost this sweep; stages that are not finished have no time yet."""
    records = load_records(StageStore(sweep.storage), plan["stages"])
    used = [key for trial in plan["trials"] for key in trial["stages"]]
    found = []
    for kind in KINDS:
        keys = [key for key, stage in plan["stages"].items() if stage["kind"] == kind]
        if not keys:
            continue
        known = {key: records[key] for key in keys if key in records}
        own = [record for record in known.values() if record.get("sweep_id") == sweep.sweep_id]
        in_trials = [key for key in used if plan["stages"][key]["kind"] == kind]
        alone = _estimate_alone(known)
        spent = sum(max(seconds) for seconds in _group_by_run(own).values())
        saved = sum(alone[key] for key in in_trials if key in alone) - spent
        found.append(Cost(kind, len(in_trials), len(keys), len(own), len(known) - len(own), spent, max(0.0, saved)))
    return found


def _run(record: Mapping[str, Any]) -> tuple[Any, ...]:
    """Attacks that differ in their steps are one run: it began once, and each of them has its whole time."""
    return (record["started_at"], *sorted(record["upstream"].items()))


def _group_by_run(records: Iterable[Mapping[str, Any]]) -> dict[tuple[Any, ...], list[float]]:
    found: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    for record in records:
        found[_run(record)].append(record["seconds"])
    return found


def _estimate_alone(known: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Key -> seconds that a stage would take by itself: of a shared run, the part that its own steps need."""
    most: dict[tuple[Any, ...], int] = defaultdict(int)
    for record in known.values():
        most[_run(record)] = max(most[_run(record)], _count_steps(record))
    return {
        key: record["seconds"] * (1 + 3 * _count_steps(record)) / (1 + 3 * most[_run(record)])
        for key, record in known.items()
    }


def _count_steps(record: Mapping[str, Any]) -> int:
    """Iterations of an attack; a step is three image passes, its verdict one."""
    return int(record["settings"].get("steps") or 0) if record["kind"] == "attack" else 0
