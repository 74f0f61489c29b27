"""The sweeps of a cluster as a table."""

from __future__ import annotations

import time
from typing import Any

import pytest

from orchestrator.remote.job_table import format_job_table


def make_job(**changes: Any) -> dict[str, Any]:
    job = {"sweep_id": "made-1", "status": "RUNNING", "started": 1000.0, "ended": None, "progress": "3 of 8",
           "storage": "s3://b"}  # fmt: skip
    return job | changes


def test_a_job_has_a_line_with_how_long_it_runs_or_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1090.0)
    jobs = [make_job(), make_job(sweep_id="other-2", status="SUCCEEDED", ended=1030.0), make_job(started=None)]
    lines = format_job_table(jobs).splitlines()
    assert [line.split() for line in lines if not line.startswith("-")] == [
        ["sweep", "Ray", "job", "time", "progress", "storage"],
        ["made-1", "running", "1", "min", "30", "s", "3", "of", "8", "s3://b"],
        ["other-2", "succeeded", "30", "s", "3", "of", "8", "s3://b"],
        ["made-1", "running", "-", "3", "of", "8", "s3://b"],
    ]
    assert format_job_table([]) == "no sweeps yet"
