"""What a storage holds that no sweep refers to, and its removal."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.store.heartbeat import Pulse
from orchestrator.store.storage_lock import hold_to_remove
from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tasks.errors import UnreadableError, UsageError
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

    What has a name that no launch gives belongs to somebody else, and stays: a storage may be a folder of other work.

    :param forgotten: sweeps that are to go with what they alone refer to.
    :raises UsageError: a driver of a sweep that is to go lives, or what another sweep refers to cannot be read.
    """
    kept: set[str] = set()
    for sweep_id in list_sweep_folders(storage):
        sweep = SweepStore(storage, sweep_id)
        if sweep_id in forgotten:
            _check_rests(sweep)
        else:
            kept |= _read_plan(sweep)["stages"].keys()
    names = [(f"{paths.SWEEPS}/{sweep_id}", "forgotten sweep") for sweep_id in forgotten]
    stored = set(_list_ours(storage, paths.STAGES))
    names += [(f"{paths.STAGES}/{key}", "stage of no sweep") for key in sorted(stored - kept)]
    for file in _list_ours(storage, paths.CHECKPOINTS):
        key = file.removesuffix(".safetensors")
        if key not in kept or key in stored:
            names.append((f"{paths.CHECKPOINTS}/{file}", "checkpoint of no unfinished stage"))
    names += [(f"{paths.CORRUPT}/{name}", "set aside as corrupt") for name in _list_ours(storage, paths.CORRUPT)]
    names += [(name, "half-written") for name in _find_abandoned(storage)]
    return [Leftover(name, measure_size(storage, name), reason) for name, reason in names]


def list_sweep_folders(storage: Storage) -> list[str]:
    """What may be a sweep, its plan missing or unreadable included; a folder of somebody else's is none."""
    names = storage.list_names(paths.SWEEPS)
    return [name for name in names if paths.SWEEP_ID.fullmatch(name) or SweepStore(storage, name).exists]


def _list_ours(storage: Storage, folder: str) -> list[str]:
    return [name for name in storage.list_names(folder) if paths.OURS[folder].fullmatch(name)]


def _check_rests(sweep: SweepStore) -> None:
    """:raises UsageError: a driver of the sweep lives."""
    living = [driver.facts for driver in Pulse().watch_drivers(sweep) if driver.alive]
    if living:
        where = ", ".join(f"{facts['host']} pid {facts['pid']}" for facts in living)
        raise UsageError(f"{sweep.sweep_id} runs ({where}): nothing is removed; end it first, or wait for its end")


def _read_plan(sweep: SweepStore) -> dict[str, Any]:
    """:raises UnreadableError: nobody can say which stages the sweep refers to."""
    try:
        return sweep.plan()
    except (FileNotFoundError, UnreadableError) as error:
        place = sweep.storage.describe_place(sweep.path(paths.PLAN))
        reason = str(error) if isinstance(error, UnreadableError) else f"{place}: is missing"
        raise UnreadableError(
            f"{reason}; so nobody can say which stages {sweep.sweep_id} refers to, and nothing is removed; "
            f"--forget {sweep.sweep_id} removes it too"
        ) from None


def _find_abandoned(storage: Storage) -> list[str]:
    if storage.local is None:
        return []
    before = time.time() - ABANDONED_AFTER
    found = []
    for folder in (paths.STAGES, paths.CHECKPOINTS):
        root = Path(storage.path(folder))
        for entry in os.scandir(root) if root.is_dir() else ():
            if not paths.is_temporary(entry.name) or not paths.OURS[folder].fullmatch(entry.name):
                continue
            if entry.stat(follow_symlinks=False).st_mtime < before:
                found.append(f"{folder}/{entry.name}")
    return sorted(found)


def measure_size(storage: Storage, name: str) -> int:
    """Bytes of a file, or of everything below a folder."""
    return sum(storage.list_sizes(name).values())


def remove_again_unreferenced(
    storage: Storage, shown: Sequence[Leftover], forgotten: Sequence[str], say: Callable[[str], None]
) -> list[Leftover]:
    """Remove what was shown and is still unreferenced: between the two looks a sweep may have begun or ended.

    :param say: shows the user a line, where a launch has to be waited for that is about to begin.
    :raises UsageError: as `find_leftovers` does; or a launch begins for as long as nobody waits.
    """
    names = {leftover.name for leftover in shown}
    with hold_to_remove(storage, say) as check:
        found = [leftover for leftover in find_leftovers(storage, forgotten) if leftover.name in names]
        remove(storage, found, check)
    return found


def remove(storage: Storage, found: Sequence[Leftover], check: Callable[[], None]) -> None:
    """Remove leftovers; what is gone already is no error.

    :param check: called before each; raises where nothing more may go.
    """
    for leftover in found:
        check()
        storage.remove(leftover.name)
