"""Faults are written down twice: for `advsweep status`, and with their tracebacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.plan.plan import make_plan
from orchestrator.run.fault_recorder import FaultRecorder
from orchestrator.space import space as spaces
from orchestrator.store.fault_log import FAILURE, read_faults
from orchestrator.store.sweep_store import SweepStore
from tasks.storage.storage import Storage, open_storage
from tests.conftest import CONFIG


def test_a_fault_is_counted_and_its_traceback_kept(tmp_path: Path) -> None:
    sweep, warnings = SweepStore(open_storage(tmp_path), "small-1"), list[str]()
    recorder = FaultRecorder(sweep, warnings.append)
    stages = make_plan(spaces.build("test", "test", dict(CONFIG)), None).trials[0].chain[:1]
    assert not recorder.written
    recorder.record(FAILURE, stages, "ValueError: bad", True, "the traceback")
    assert recorder.written
    (fault,) = read_faults(sweep)
    assert (fault["what"], fault["keys"], fault["again"]) == (FAILURE, [stages[0].key], True)
    assert Path(recorder.place).read_text() == f"train {stages[0].key[:12]}: ValueError: bad\nthe traceback\n"
    assert not warnings


def test_what_cannot_be_written_down_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("full")

    monkeypatch.setattr(Storage, "append", refuse)
    warnings = list[str]()
    recorder = FaultRecorder(SweepStore(open_storage(tmp_path), "small-1"), warnings.append)
    stages = make_plan(spaces.build("test", "test", dict(CONFIG)), None).trials[0].chain[:1]
    recorder.record(FAILURE, stages, "ValueError: bad", False)
    assert warnings == ["a failure could not be logged: ValueError: bad: full"]
