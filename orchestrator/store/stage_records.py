"""The records of many stages at once: what can be read, and what of it is whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from orchestrator.store.trial_rows import READERS
from tasks.errors import CorruptArtifactError, MisplacedError, UnreadableError
from tasks.storage.documents import note_passed_over
from tasks.storage.stage_store import StageStore


@dataclass
class CheckedRecords:
    """What a storage has of the stages of a plan."""

    whole: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Records of stages whose every file is as it was written."""
    set_aside: list[str] = field(default_factory=list)
    """A line for each stage that was damaged and moved away."""
    unreadable: dict[str, UnreadableError] = field(default_factory=dict)
    """Stages that are there and may not be read, which may be whole and somebody else's."""


def load_records(store: StageStore, keys: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """The records of those keys that are in the store; what cannot be read is named and counts as missing."""

    def read(key: str) -> Mapping[str, Any] | None:
        try:
            return store.read_record(key)
        except FileNotFoundError:
            return None
        except (CorruptArtifactError, UnreadableError) as error:
            note_passed_over(error)
            return None

    with ThreadPoolExecutor(READERS) as pool:
        keys = list(keys)
        return {key: record for key, record in zip(keys, pool.map(read, keys), strict=True) if record is not None}


def load_whole_records(store: StageStore, keys: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """The records of those keys that are in the store, and whose files are as long as they should be.

    A launch reads them all, and finds what has changed without becoming shorter or longer too.
    """
    records = load_records(store, keys)

    def is_whole(key: str) -> bool:
        try:
            store.check_sizes(records[key])
        except (CorruptArtifactError, UnreadableError) as error:
            note_passed_over(MisplacedError(f"{error}; a launch computes it again"))
            return False
        return True

    with ThreadPoolExecutor(READERS) as pool:
        whole = list(pool.map(is_whole, records))
    return {key: record for (key, record), kept in zip(records.items(), whole, strict=True) if kept}


def check_records(store: StageStore, keys: Iterable[str]) -> CheckedRecords:
    """Read every file of the stages that are in the store; what is damaged is set aside."""
    found = CheckedRecords()

    def check(key: str) -> Mapping[str, Any] | None:
        try:
            return store.verify(key)
        except CorruptArtifactError as error:
            found.set_aside.append(f"{error}; set aside as {store.set_aside(key)}, it will be computed again")
        except UnreadableError as error:
            found.unreadable[key] = error
        return None

    with ThreadPoolExecutor(READERS) as pool:
        keys = list(keys)
        records = zip(keys, pool.map(check, keys), strict=True)
        found.whole |= {key: record for key, record in records if record is not None}
    found.set_aside.sort()
    return found
