"""Parts of the table of trials: read while others compact them, and kept where they cannot be read."""

from __future__ import annotations

import io
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestrator.store import trial_rows
from orchestrator.store.trial_rows import TrialRows, list_rows, select_newest_rows
from tasks.errors import MisplacedError, StorageError
from tasks.schema import TRIALS
from tasks.storage.storage import Storage, open_storage
from tests.support.rows import ifgsm

ROWS = [ifgsm("8/255", steps, 400 - steps) for steps in (10, 20, 30)]


@pytest.fixture
def table(tmp_path: Path) -> TrialRows:
    return TrialRows(open_storage(tmp_path), "sweeps/a/trials")


def test_rows_are_those_of_the_table_times_included(table: TrialRows) -> None:
    table.write([ROWS[0], ROWS[1] | {"started_at": None, "attack_eps": None}])
    found = table.read()
    assert list_rows(found) == found.to_pylist()
    assert [row["started_at"] is None for row in list_rows(found)] == [False, True]


@pytest.mark.parametrize(
    ("statuses", "kept"),
    [
        (("finished", "failed"), 0),
        (("failed", "finished"), 1),
        (("failed", "failed"), 1),
        (("finished", "finished"), 1),
    ],
)
def test_a_failure_never_replaces_what_was_finished(statuses: tuple[str, str], kept: int) -> None:
    rows = [ROWS[0] | {"status": status, "robust_correct": place} for place, status in enumerate(statuses)]
    (found,) = select_newest_rows(rows)
    assert found["robust_correct"] == kept


def test_a_failure_of_other_stages_is_news() -> None:
    failed = ROWS[0] | {"status": "failed", "attack_key": "f" * 64}
    assert select_newest_rows([ROWS[0], failed]) == [failed]


def list_trials(table: TrialRows) -> set[str]:
    return set(table.read()["trial_id"].to_pylist())


def test_a_part_that_a_compaction_removes_meanwhile_is_found_in_another(
    table: TrialRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader has listed three parts, and then there is one."""
    for row in ROWS:
        table.write([row])
    read, waiting = Storage.read, threading.Event()

    def compact_first(storage: Storage, name: str) -> bytes:
        if not waiting.is_set():
            waiting.set()
            with monkeypatch.context() as undone:
                undone.setattr(Storage, "read", read)
                TrialRows(storage, table.folder).compact()
        return read(storage, name)

    monkeypatch.setattr(Storage, "read", compact_first)
    assert list_trials(table) == {row["trial_id"] for row in ROWS}
    assert waiting.is_set()


@pytest.mark.slow
def test_readers_beside_a_writer_that_compacts_see_every_row_that_was_written(table: TrialRows) -> None:
    ended, failures = threading.Event(), list[str]()
    table.write([ROWS[0]])

    def look() -> None:
        while not ended.is_set():
            if ROWS[0]["trial_id"] not in list_trials(table):
                failures.append("a row that was there was not seen")

    readers = [threading.Thread(target=look) for _ in range(2)]
    for reader in readers:
        reader.start()
    for _ in range(8):
        table.write(ROWS[1:])
        table.compact()
    ended.set()
    for reader in readers:
        reader.join()
    assert not failures


def test_a_folder_that_lists_what_is_gone_is_given_up(table: TrialRows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Storage, "list_names", lambda *_: ["gone.parquet"])
    with pytest.raises(StorageError, match="lists rows that are not there"):
        table.read()


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more"])
def test_a_part_that_cannot_be_read_is_named_and_outlives_a_compaction(
    table: TrialRows, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    for row in ROWS:
        table.write([row])
    table.storage.write(f"{table.folder}/0001.parquet", content)
    assert list_trials(table) == {row["trial_id"] for row in ROWS}
    (note,) = caplog.messages
    assert "0001.parquet: holds no rows; once it is deleted, `launch` makes them again; passed over" in note
    table.compact()
    assert len(table.storage.list_names(table.folder)) == 2
    assert table.storage.read(f"{table.folder}/0001.parquet") == content


def test_what_is_written_during_a_compaction_stays_newer(table: TrialRows, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second driver writes a newer row of a trial after the first has read the older one."""
    newer = ROWS[0] | {"robust_correct": 1}
    for row in ROWS:
        table.write([row])
    write = TrialRows.write

    def write_second_driver_first(own: TrialRows, rows: list[dict[str, object]], after: str | None = None) -> str:
        write(own, [newer])
        return write(own, rows, after)

    with monkeypatch.context() as patch:
        patch.setattr(TrialRows, "write", write_second_driver_first)
        table.compact()
    last = {row["trial_id"]: row["robust_correct"] for row in table.read().to_pylist()}
    assert last[newer["trial_id"]] == 1


@pytest.mark.parametrize("others", [[], ["zzz.parquet"]], ids=["alone", "beside a part of another name"])
def test_the_last_row_is_the_newest_though_a_clock_was_set_back(
    table: TrialRows, others: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = ROWS[0]
    table.write([{**row, "verdict": "first"}])
    monkeypatch.setattr(time, "time_ns", lambda before=time.time_ns: before() - 3600 * 10**9)
    for number in range(3):
        table.write([{**row, "verdict": str(number)}])
        (newest,) = select_newest_rows(table.read().to_pylist())
        assert newest["verdict"] == str(number)
    for name in others:
        part = table.storage.list_names(table.folder)[-1]
        table.storage.write(f"{table.folder}/{name}", table.storage.read(f"{table.folder}/{part}"))
    table.compact()
    table.write([{**row, "verdict": "last"}])
    (newest,) = select_newest_rows(table.read().to_pylist())
    assert newest["verdict"] == "last"
    assert len(table.storage.list_names(table.folder)) == 2


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({}, True),
        ({"status": "failed", "prune_key": None, "error": "it burst"}, True),
        ({"status": "running"}, False),
        ({"status": "not finished"}, False),
        ({"status": None}, False),
        ({"trial_id": None}, False),
        ({"trial_id": "../../etc/passwd"}, False),
        ({"trial_id": "0" * 17}, False),
        ({"attack_key": "../" * 21}, False),
        ({"train_key": "0" * 63}, False),
        ({"config": "[1]"}, False),
        ({"config": "{\n}"}, True),
    ],
)
def test_rows_that_no_launch_has_written_are_refused(changes: dict[str, Any], fits: bool) -> None:
    """What stands in them is followed: keys name folders, and the configuration is read."""
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([ROWS[1], ROWS[0] | changes], schema=TRIALS), sink)
    if fits:
        assert trial_rows._parse_rows(sink.getvalue(), "place").num_rows == 2
        return
    with pytest.raises(MisplacedError, match=r"^place: holds rows that no launch has written$"):
        trial_rows._parse_rows(sink.getvalue(), "place")


def test_what_is_no_table_is_told_with_what_to_do() -> None:
    with pytest.raises(MisplacedError, match=r"^place: holds no rows; once it is deleted, `launch` makes them again$"):
        trial_rows._parse_rows(b"PAR1", "place")


def test_a_single_part_is_left_as_it_is(table: TrialRows) -> None:
    table.compact()
    assert table.storage.list_names(table.folder) == []
    name = table.write([ROWS[0]])
    table.compact()
    assert table.storage.list_names(table.folder) == [name]
