"""Rows on their way to the storage: none is lost, whatever the storage does."""

from __future__ import annotations

import queue
import threading
from typing import Any, cast

import pytest

from orchestrator.run.row_writer import RowWriter


class Table:
    """The rows of a sweep in a storage that can be away."""

    def __init__(self) -> None:
        self.away = False
        self.parts: list[list[str]] = []
        self.compacted = 0

    def write_rows(self, rows: list[dict[str, Any]]) -> None:
        if self.away:
            raise OSError("away")
        self.parts.append([row["trial_id"] for row in rows])

    def compact_rows(self) -> None:
        self.compacted += 1


def make_writer(table: Table) -> tuple[RowWriter, list[Exception]]:
    errors: list[Exception] = []
    return RowWriter(cast("Any", table), errors.append), errors


def test_what_comes_in_between_two_writes_is_one_part() -> None:
    table = Table()
    writer, errors = make_writer(table)
    writer.add({"trial_id": "a"})
    writer.add({"trial_id": "b"})
    writer.close()
    assert [name for part in table.parts for name in part] == ["a", "b"]
    assert table.compacted == 1
    assert not errors


def test_what_has_come_in_is_written_every_second(monkeypatch: pytest.MonkeyPatch) -> None:
    noted: queue.SimpleQueue[float | None] = queue.SimpleQueue()
    wait = threading.Event.wait

    def note(event: threading.Event, timeout: float | None = None) -> bool:
        if threading.current_thread().name == "rows":
            noted.put(timeout)
        return wait(event, timeout)

    monkeypatch.setattr(threading.Event, "wait", note)
    writer, _ = make_writer(Table())
    assert noted.get(timeout=60) == 1.0
    writer.close()


def test_rows_that_could_not_be_written_come_first_the_next_time() -> None:
    table = Table()
    writer, errors = make_writer(table)
    table.away = True
    writer.add({"trial_id": "a"})
    assert not writer.flush()
    writer.add({"trial_id": "b"})
    table.away = False
    writer.close()
    assert [name for part in table.parts for name in part] == ["a", "b"]
    assert str(errors[0]) == "away"


def test_a_row_that_comes_in_while_a_write_fails_follows_those_of_that_write() -> None:
    class Slow(Table):
        def write_rows(self, rows: list[dict[str, Any]]) -> None:
            if self.away:
                writer.add({"trial_id": "b"})
            super().write_rows(rows)

    table = Slow()
    writer, errors = make_writer(table)
    table.away = True
    writer.add({"trial_id": "a"})
    assert not writer.flush()
    table.away = False
    writer.close()
    assert [name for part in table.parts for name in part] == ["a", "b"]
    assert len(errors) == 1


def test_nothing_is_compacted_where_nothing_can_be_written() -> None:
    table = Table()
    writer, errors = make_writer(table)
    table.away = True
    writer.add({"trial_id": "a"})
    writer.close()
    assert table.compacted == 0
    assert errors
    table.away = False
    writer.rewrite([{"trial_id": "b"}])
    assert table.parts == [["a", "b"]]


def test_parts_that_cannot_be_put_together_are_told_and_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table()

    def fail() -> None:
        raise OSError("no room")

    monkeypatch.setattr(table, "compact_rows", fail)
    writer, errors = make_writer(table)
    writer.add({"trial_id": "a"})
    writer.close()
    assert table.parts == [["a"]]
    assert [str(error) for error in errors] == ["no room"]
