"""What a storage holds that no sweep refers to, and its removal."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.store.sweep_store import SweepStore, list_sweeps
from tasks import paths
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import Storage

ABANDONED_AFTER = 24 * 3600
"""Seconds after which something half-written belongs to nobody who is still alive."""


@dataclass(frozen=True)
class Leftover:
    """Something that may go."""

    name: str
    size: int
    """Bytes."""
    reason: str


def find_leftovers(storage: Storage, forgotten: Sequence[str] = ()) -> list[Leftover]:
    """Stages and checkpoints that no sweep refers to, what was set aside, and abandoned half-written files.

    :param forgotten: sweeps that are to go with what they alone refer to.
    """
    kept: set[str] = set()
    for sweep_id in list_sweeps(storage):
        if sweep_id not in forgotten:
            kept |= SweepStore(storage, sweep_id).plan()["stages"].keys()
    store = StageStore(storage)
    names = [(f"{paths.SWEEPS}/{sweep_id}", "forgotten sweep") for sweep_id in forgotten]
    stored = set(store.list_keys())
    names += [(f"{paths.STAGES}/{key}", "stage of no sweep") for key in sorted(stored - kept)]
    for file in storage.list_names(paths.CHECKPOINTS):
        key = file.removesuffix(".safetensors")
        if key not in kept or key in stored:
            names.append((f"{paths.CHECKPOINTS}/{file}", "checkpoint of no unfinished stage"))
    names += [(f"{paths.CORRUPT}/{name}", "set aside as corrupt") for name in storage.list_names(paths.CORRUPT)]
    names += [(name, "half-written") for name in _find_abandoned(storage)]
    return [Leftover(name, measure_size(storage, name), reason) for name, reason in names]


def _find_abandoned(storage: Storage) -> list[str]:
    if storage.local is None:
        return []
    before = time.time() - ABANDONED_AFTER
    found = []
    for folder in (paths.STAGES, paths.CHECKPOINTS):
        root = Path(storage.path(folder))
        for entry in os.scandir(root) if root.is_dir() else ():
            if paths.is_temporary(entry.name) and entry.stat().st_mtime < before:
                found.append(f"{folder}/{entry.name}")
    return sorted(found)


def measure_size(storage: Storage, name: str) -> int:
    """Bytes of a file, or of everything below a folder."""
    return sum(storage.list_sizes(name).values())


def remove(storage: Storage, found: Sequence[Leftover]) -> None:
    """Remove leftovers; what is gone already is no error."""
    for leftover in found:
        storage.remove(leftover.name)
