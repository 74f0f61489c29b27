"""The rows of trials as parts of one table: read while others write and compact, each part for itself."""

from __future__ import annotations

import io
import re
import time
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.errors import MisplacedError, StorageError, UnreadableError
from tasks.schema import TRIALS, read_table
from tasks.storage.documents import note_passed_over
from tasks.storage.storage import Storage
from tasks.trial.row import Row

READERS = 8
"""Threads that read small files of the storage at the same time."""
MOST_LOOKS = 100
"""Times that a folder is listed anew because parts went away meanwhile; a file system may list what is gone."""
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
ALWAYS = ("trial_id", "status", "attack_key", "config")
"""Columns that every version writes, without nulls; others may be of a later one."""


@dataclass(frozen=True)
class TrialRows:
    """The folder with the parts of the trials table of one sweep."""

    storage: Storage
    folder: str

    def read(self) -> pa.Table:
        """Every row ever written, older ones of the same trial included, in the order of writing.

        A part that cannot be read is named and passed over.
        """
        parts = self._read_parts()
        return pa.concat_tables(parts[name] for name in sorted(parts)) if parts else TRIALS.empty_table()

    def write(self, rows: Sequence[Row], after: str | None = None) -> str:
        """Add rows as one part; parts sort by the time of writing. Returns the part's name.

        :param after: the part that it follows at once in the order; null: all that there are now, also where a clock
            has been set back since.
        """
        before = _find_order(after) if after else max([time.time_ns(), *map(_find_order, self._list_parts())])
        name = f"{before + 1:020d}-{uuid.uuid4().hex[:8]}.parquet"
        self.storage.write(f"{self.folder}/{name}", _encode_parquet(rows))
        return name

    def compact(self) -> None:
        """Make one part of all, keeping the newest row of each trial; safe at any moment, killed or not.

        What another driver writes meanwhile stays newer, and a part that cannot be read stays where it is.
        """
        before = self._read_parts()
        if len(before) < 2:
            return
        rows = select_newest_rows(pa.concat_tables(before[name] for name in sorted(before)).to_pylist())
        self.write(sorted(rows, key=lambda row: str(row["trial_id"])), after=max(before))
        for name in before:
            self.storage.remove(f"{self.folder}/{name}")

    def _list_parts(self) -> list[str]:
        return [name for name in self.storage.list_names(self.folder) if name.endswith(".parquet")]

    def _read_parts(self) -> dict[str, pa.Table]:
        """Part -> its rows. What a compaction removes meanwhile stands in a part that it has written before."""
        found: dict[str, pa.Table | None] = {}
        for _ in range(MOST_LOOKS):
            names = self._list_parts()
            missing = [name for name in names if name not in found]
            with ThreadPoolExecutor(READERS) as pool:
                read = dict(zip(missing, pool.map(self._read_part, missing), strict=True))
            found |= {name: table for name, table in read.items() if table is not GONE}
            if all(table is not GONE for table in read.values()):
                return {name: table for name, table in found.items() if table is not None}
        raise StorageError(f"{self.storage.describe_place(self.folder)}: lists rows that are not there")

    def _read_part(self, name: str) -> pa.Table | None:
        """The rows of a part; null where it cannot be read, `GONE` where it is no longer there."""
        place = f"{self.folder}/{name}"
        try:
            return _parse_rows(self.storage.read(place), self.storage.describe_place(place))
        except FileNotFoundError:
            return GONE
        except UnreadableError as error:
            note_passed_over(error)
            return None


GONE = pa.Table.from_batches([], TRIALS)  # `empty_table` imports pandas, as all that makes arrays of lists


def _find_order(name: str) -> int:
    """When a part was written, in nanoseconds, or later; 0 where a stranger has named it."""
    found = re.fullmatch(r"(\d{20})-[0-9a-f]{8}\.parquet", name)
    return int(found[1]) if found else 0


def _parse_rows(content: bytes, place: str) -> pa.Table:
    """:raises MisplacedError: it is no part of this table."""
    try:
        table = read_table(content, TRIALS)
    except (pa.ArrowException, OSError):
        raise MisplacedError(f"{place}: holds no rows; once it is deleted, `launch` makes them again") from None
    known = pc.match_substring_regex(table["status"], "^(finished|failed)$")
    nulls = [table[name].null_count for name in ALWAYS]
    names = [name for name in TRIALS.names if name.endswith("_key")]
    plain = [pc.match_substring_regex(table[name], r"^[0-9a-f]{64}$") for name in names]
    plain.append(pc.match_substring_regex(table["trial_id"], r"^[0-9a-f]{16}$"))
    plain.append(pc.match_substring_regex(table["config"], r"(?s)^\{.*\}$"))
    if any(nulls) or not all(pc.all(column, min_count=0).as_py() for column in (known, *plain)):
        raise MisplacedError(f"{place}: holds rows that no launch has written")
    return table


def list_rows(table: pa.Table) -> list[Row]:
    """The rows as mappings, as `to_pylist` gives them; that would import pandas for the sake of times."""
    columns = [_list_times(column) if pa.types.is_timestamp(column.type) else column.to_pylist()
               for column in table.columns]  # fmt: skip
    return [dict(zip(table.column_names, values, strict=True)) for values in zip(*columns, strict=True)]


def _list_times(column: pa.ChunkedArray) -> list[datetime | None]:
    """:param column: in microseconds, UTC."""
    counts = column.cast(pa.int64()).to_pylist()
    return [None if count is None else EPOCH + timedelta(microseconds=count) for count in counts]


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
