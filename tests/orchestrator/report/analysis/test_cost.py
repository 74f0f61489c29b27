"""What stages cost, and what sharing them saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.report.analysis import cost
from orchestrator.report.analysis.cost import Cost, sum_costs
from orchestrator.store.sweep_store import SweepStore
from tasks.storage.storage import open_storage


def make_record(kind: str, seconds: float, begun: str, steps: int | None = None, sweep: str = "own") -> dict[str, Any]:
    upstream = {"model": "m"} if kind == "attack" else {}
    return {"kind": kind, "seconds": seconds, "started_at": begun, "settings": {"steps": steps},
            "upstream": upstream, "sweep_id": sweep}  # fmt: skip


RECORDS = {
    "m": make_record("train", 10.0, "at one"),
    "a1": make_record("attack", 31.0, "at two", 3),
    "a2": make_record("attack", 31.0, "at two", 10),
    "a3": make_record("attack", 5.0, "at three", 2, "another"),
}
"""A model under four attacks, two of which are one run and one of which is not finished."""
PLAN = {
    "stages": {**{key: {"kind": record["kind"]} for key, record in RECORDS.items()}, "a4": {"kind": "attack"}},
    "trials": [{"stages": ["m", attack]} for attack in ("a1", "a2", "a3", "a4")],
}


def test_a_shared_run_is_paid_once_and_what_others_have_made_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost, "load_records", lambda _, stages: {key: RECORDS[key] for key in stages if key in RECORDS})
    trained, attacked = sum_costs(SweepStore(open_storage(tmp_path), "own"), PLAN)
    assert trained == Cost("train", 4, 1, 1, 0, seconds=10.0, saved=30.0)
    assert attacked == Cost("attack", 4, 4, 2, 1, seconds=31.0, saved=10.0 + 5.0), (
        "by itself the shorter of one run would take 10 of its 31 s: ten passes in the place of 31"
    )
