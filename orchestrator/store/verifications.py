"""Sweeps that verify another: how they are called, and which there are."""

from __future__ import annotations

from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tasks.errors import UnreadableError
from tasks.yaml_files import MOST_BYTES, format_yaml


def name_verification(sweep_id: str) -> str:
    """The name of the space of a sweep that verifies this one."""
    return f"verify_{sweep_id.rpartition('-')[0] or sweep_id}"


def describe_verification(sweep_id: str) -> str:
    """Its description, which tells it from those of other sweeps of the same name."""
    return f"settles verdicts of {sweep_id}"


def list_verifications(sweep: SweepStore) -> list[str]:
    """The sweeps in the same storage that verify this one, sorted; one that cannot be read verifies nothing."""
    name, said = name_verification(sweep.sweep_id), describe_verification(sweep.sweep_id)
    others = [other for other in sweep.storage.list_names(paths.SWEEPS) if other.rpartition("-")[0] == name]
    return sorted(other for other in others if _is_described(SweepStore(sweep.storage, other), said))


def _is_described(sweep: SweepStore, description: str) -> bool:
    """By the line that a launch writes: to parse a space takes tens of milliseconds."""
    try:
        content = sweep.storage.read(sweep.path(paths.SPACE), MOST_BYTES)
    except (FileNotFoundError, UnreadableError):
        return False
    return b"\n" + format_yaml({"description": description}).encode() in b"\n" + content
