"""Sweeps that verify another: how they are called, and which there are."""

from __future__ import annotations

import contextlib

from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tasks.errors import UsageError


def name_verification(sweep_id: str) -> str:
    """The name of the space of a sweep that verifies this one."""
    return f"verify_{sweep_id.rpartition('-')[0] or sweep_id}"


def describe_verification(sweep_id: str) -> str:
    """Its description, which tells it from those of other sweeps of the same name."""
    return f"settles verdicts of {sweep_id}"


def list_verifications(sweep: SweepStore) -> list[str]:
    """The sweeps in the same storage that verify this one, sorted; one that cannot be read verifies nothing."""
    found = []
    for sweep_id in sweep.storage.list_names(paths.SWEEPS):
        if sweep_id.rpartition("-")[0] == name_verification(sweep.sweep_id):
            with contextlib.suppress(UsageError):
                content = SweepStore(sweep.storage, sweep_id).space()
                if content.get("description") == describe_verification(sweep.sweep_id):
                    found.append(sweep_id)
    return sorted(found)
