"""`advsweep doctor`."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from orchestrator import doctor
from orchestrator.doctor import Finding
from tests.support.command_line import run_here

FINDINGS = [Finding("python", True, "3.11"), Finding("storage", False, "is full")]


def test_what_was_found_in_all_forms_and_in_the_exit_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[tuple[str, Path | None, str | None]] = []

    def examine(storage: str, data_dir: Path | None, address: str | None) -> list[Finding]:
        asked.append((storage, data_dir, address))
        return FINDINGS[: len(asked)]

    monkeypatch.setattr(doctor, "examine_machine", examine)
    words = ["doctor", "--storage", "s3://bucket", "--data-dir", str(tmp_path), "--address", "10.0.0.1:6379"]
    healthy = run_here(*words, "--json")
    assert healthy.code == 0
    assert json.loads(healthy.stdout) == [{"what": "python", "fine": True, "detail": "3.11"}]
    ill = run_here("doctor", "--address", "local")
    assert ill.code == 1
    assert [line.split() for line in ill.stdout.splitlines()[2:]] == [
        ["python", "ok", "3.11"], ["storage", "NOT", "OK", "is", "full"]
    ]  # fmt: skip
    read = run_here("doctor", "--format", "csv")
    assert read.code == 1
    assert [row["fine"] for row in csv.DictReader(io.StringIO(read.stdout))] == ["True", "False"]
    assert asked == [("s3://bucket", tmp_path, "10.0.0.1:6379"), ("results", None, None), ("results", None, None)]
