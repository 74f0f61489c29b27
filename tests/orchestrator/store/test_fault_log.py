"""Faults of launches, each in a file of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.plan.plan import make_plan
from orchestrator.space.space import load
from orchestrator.store.fault_log import FAILURE, PREEMPTION, FaultLog, read_faults
from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tasks.errors import UnreadableError
from tasks.storage.storage import Storage


def test_faults_of_all_launches_are_read_in_the_order_of_time(sweep: SweepStore, space_file: Path) -> None:
    stage = make_plan(load(str(space_file)), None).trials[0].chain[0]
    first, second = FaultLog(sweep, "zz.jsonl"), FaultLog(sweep, "aa.jsonl")
    first.add(FAILURE, [stage], "no such file", True)
    second.add(PREEMPTION, [stage], "its node is gone", True)
    first.add(FAILURE, [stage], "no such file", False)
    sweep.storage.append(sweep.path(paths.FAULTS, "aa.jsonl"), '{"what": "fail')  # a killed driver was writing this
    found = read_faults(sweep)
    assert [(entry["what"], entry["again"]) for entry in found] == [
        (FAILURE, True),
        (PREEMPTION, True),
        (FAILURE, False),
    ]
    assert all(entry["keys"] == [stage.key] and entry["kind"] == "train" for entry in found)


def test_a_fault_of_several_stages_names_them_all(sweep: SweepStore, space_file: Path) -> None:
    first, second, *_ = make_plan(load(str(space_file)), None).trials[0].chain
    FaultLog(sweep).add(FAILURE, [second, first], "out of memory", False)
    (found,) = read_faults(sweep)
    assert (found["kind"], found["keys"]) == (second.kind, [second.key, first.key])
    assert first.key != second.key


def test_the_line_that_a_killed_driver_was_writing_is_no_fault_and_no_news(
    sweep: SweepStore, space_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stage = make_plan(load(str(space_file)), None).trials[0].chain[0]
    FaultLog(sweep, "a.jsonl").add(FAILURE, [stage], "first", True)
    place = sweep.path(paths.FAULTS, "a.jsonl")
    whole = sweep.storage.read(place)
    sweep.storage.write(place, whole + whole[:-20])
    assert [entry["error"] for entry in read_faults(sweep)] == ["first"]
    assert not caplog.messages
    sweep.storage.write(place, b"somebody else's\n" + whole + b"and more")
    assert [entry["error"] for entry in read_faults(sweep)] == ["first"]
    assert [note.partition(": line ")[2][:2] for note in caplog.messages] == ["1:", "3:"]


def test_a_folder_or_a_log_that_cannot_be_read_is_named_and_passed_over(
    sweep: SweepStore, space_file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stage = make_plan(load(str(space_file)), None).trials[0].chain[0]
    for name in ("a.jsonl", "b.jsonl", "c.jsonl"):
        FaultLog(sweep, name).add(FAILURE, [stage], name, True)
    read = Storage.read

    def read_some(storage: Storage, name: str, *more: int) -> bytes:
        if name.endswith("a.jsonl"):
            raise UnreadableError("a.jsonl may not be read")
        if name.endswith("b.jsonl"):
            raise FileNotFoundError(name)
        return read(storage, name, *more)

    with monkeypatch.context() as patch:
        patch.setattr(Storage, "read", read_some)
        assert [entry["error"] for entry in read_faults(sweep)] == ["c.jsonl"]
    assert [message for message in caplog.messages if "may not be read" in message] == [
        "a.jsonl may not be read; passed over"
    ]

    def refuse(storage: Storage, name: str) -> list[str]:  # noqa: ARG001
        raise UnreadableError("faults may not be listed")

    monkeypatch.setattr(Storage, "list_names", refuse)
    assert read_faults(sweep) == []
    assert "faults may not be listed; passed over" in caplog.messages
