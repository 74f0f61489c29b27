"""What a storage keeps of a sweep: its space, its plan, its rows."""

from __future__ import annotations

import io
import json
import re
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from orchestrator.store.identifiers import resolve_id
from tasks import paths
from tasks.errors import CorruptArtifactError, UsageError
from tasks.schema import TRIALS, read_table
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import Storage
from tasks.storage.uri import redact_uri
from tasks.trial.row import Row, complete_row

KEY, TRIAL_ID = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{16}")
READERS = 8
"""Threads that read small files of the storage at the same time."""


@dataclass(frozen=True)
class SweepStore:
    """The folder `<storage>/sweeps/<sweep_id>`."""

    storage: Storage
    sweep_id: str

    def path(self, *parts: str) -> str:
        """The name of something in the folder."""
        return "/".join((paths.SWEEPS, self.sweep_id, *parts))

    @property
    def exists(self) -> bool:
        """Whether the sweep was ever started."""
        return self.storage.exists(self.path(paths.PLAN))

    def plan(self) -> dict[str, Any]:
        """The content of `plan.json`.

        :raises UsageError: it is not what a launch writes, so that nothing in it may be followed.
        """
        try:
            content: dict[str, Any] = json.loads(self.storage.read(self.path(paths.PLAN)))
            keys = [*content["stages"], *(key for trial in content["trials"] for key in trial["stages"])]
            ids = [trial["trial_id"] for trial in content["trials"]]
            if all(KEY.fullmatch(key) for key in keys) and all(TRIAL_ID.fullmatch(name) for name in ids):
                return content
        except (ValueError, KeyError, TypeError, AttributeError):
            pass
        raise UsageError(f"{self.storage.describe_place(self.path(paths.PLAN))}: is no plan that a launch has written")

    def rows(self) -> list[Row]:
        """The newest row of every trial, in no particular order."""
        return select_newest_rows(map(complete_row, self.row_table().to_pylist()))

    def row_table(self) -> pa.Table:
        """Every row ever written, older ones of the same trial included, in the order of writing."""
        parts = [name for name in self.storage.list_names(self.path(paths.TRIALS)) if name.endswith(".parquet")]
        if not parts:
            return TRIALS.empty_table()
        with ThreadPoolExecutor(READERS) as pool:
            contents = list(pool.map(self.storage.read, (self.path(paths.TRIALS, name) for name in parts)))
        return pa.concat_tables(self._part(name, content) for name, content in zip(parts, contents, strict=True))

    def _part(self, name: str, content: bytes) -> pa.Table:
        try:
            return read_table(content, TRIALS)
        except (pa.ArrowException, OSError) as error:
            place = self.storage.describe_place(self.path(paths.TRIALS, name))
            raise UsageError(f"{place}: holds no rows; once it is deleted, `launch` makes them again") from error

    def write_rows(self, rows: Sequence[Row]) -> str:
        """Add rows as one part; parts sort by the time of writing. Returns the part's name."""
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.parquet"
        self.storage.write(self.path(paths.TRIALS, name), _encode_parquet(rows))
        return name

    def compact_rows(self) -> None:
        """Make one part of all, keeping the newest row of each trial; safe at any moment, killed or not."""
        before = [name for name in self.storage.list_names(self.path(paths.TRIALS)) if name.endswith(".parquet")]
        if len(before) < 2:
            return
        kept = self.write_rows(sorted(self.rows(), key=lambda row: str(row["trial_id"])))
        for name in before:
            if name != kept:
                self.storage.remove(self.path(paths.TRIALS, name))


def select_newest_rows(rows: Iterable[Row]) -> list[Row]:
    """The last row of every trial; a finished row is never replaced by a failed one of the same stages."""
    found: dict[str, Row] = {}
    for row in rows:
        before = found.get(row["trial_id"])
        if before and before["status"] == "finished" != row["status"] and before["attack_key"] == row["attack_key"]:
            continue
        found[row["trial_id"]] = row
    return list(found.values())


def _encode_parquet(rows: Sequence[Row]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), schema=TRIALS), sink, compression="zstd")
    return sink.getvalue()


def list_sweeps(storage: Storage) -> list[str]:
    """The sweeps of a storage that were started."""
    return [name for name in storage.list_names(paths.SWEEPS) if SweepStore(storage, name).exists]


def find_sweep(storage: Storage, name: str, *, whole: bool = False) -> SweepStore:
    """The sweep with this id, or the only one whose id begins so.

    :param whole: take no beginning of an id.
    :raises UsageError: the name is blank, or there is none, or there are several; the message lists them.
    """
    none = "; `advsweep launch` makes one, --storage names another"
    place = f"in {redact_uri(storage.uri)}"
    return SweepStore(storage, resolve_id(name, list_sweeps(storage), "sweep", place, none=none, whole=whole))


def load_records(store: StageStore, keys: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """The records of those keys that are in the store; what cannot be read counts as missing."""

    def read(key: str) -> Mapping[str, Any] | None:
        try:
            return store.read_record(key)
        except (FileNotFoundError, CorruptArtifactError):
            return None

    with ThreadPoolExecutor(READERS) as pool:
        keys = list(keys)
        return {key: record for key, record in zip(keys, pool.map(read, keys), strict=True) if record is not None}


def check_records(store: StageStore, keys: Iterable[str]) -> tuple[dict[str, Mapping[str, Any]], list[str]]:
    """The records of those keys whose every file is whole, and a line for each artifact that was set aside."""
    notes: list[str] = []

    def check(key: str) -> Mapping[str, Any] | None:
        try:
            return store.verify(key)
        except CorruptArtifactError as error:
            aside = store.set_aside(key)
            notes.append(f"{error}; set aside as {aside}, it will be computed again")
            return None

    keys = list(keys)
    with ThreadPoolExecutor(READERS) as pool:
        found = {key: record for key, record in zip(keys, pool.map(check, keys), strict=True) if record is not None}
    return found, sorted(notes)


Identity = Mapping[str, Any]


def find_trial(storage: Storage, name: str) -> tuple[SweepStore, list[str], Mapping[str, Identity]]:
    """The sweep of a trial, the keys of its stages, and the identities of all stages of that sweep.

    :param name: a trial id, or the beginning of one.
    :raises UsageError: the name is blank, no trial begins so, or several do.
    """
    plans = [(sweep, sweep.plan()) for sweep in map(partial(SweepStore, storage), list_sweeps(storage))]
    owners = {trial["trial_id"]: (sweep, trial, plan) for sweep, plan in plans for trial in plan["trials"]}
    none = ": there is no sweep in it; `advsweep launch` makes one, --storage names another"
    sweep, trial, plan = owners[resolve_id(name, owners, "trial", f"in {redact_uri(storage.uri)}", none=none)]
    return sweep, trial["stages"], plan["stages"]
