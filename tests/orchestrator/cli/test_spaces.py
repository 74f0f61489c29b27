"""`advsweep spaces`."""

from __future__ import annotations

import csv
import functools
import io
import json

import pytest

from orchestrator.space import space
from orchestrator.space.space import list_shipped, load
from tests.support.command_line import run_here


def test_all_forms_list_what_is_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space, "load", functools.cache(load))  # each form would read all spaces again
    listed = json.loads(run_here("spaces", "--json").stdout)
    assert [entry["name"] for entry in listed] == list(list_shipped())
    digits = next(entry for entry in listed if entry["name"] == "digits")
    assert digits == {
        "name": "digits",
        "trials": len(load("digits").trials),
        "description": load("digits").description,
    }
    assert json.loads(run_here("spaces", "--format", "json").stdout) == listed
    rows = list(csv.DictReader(io.StringIO(run_here("spaces", "--format", "csv").stdout)))
    assert rows == [{name: str(value) for name, value in entry.items()} for entry in listed]
    header, _, *lines = run_here("spaces").stdout.splitlines()
    assert header.split() == ["space", "trials", "description"]
    assert [line.split()[:2] for line in lines] == [[entry["name"], str(entry["trials"])] for entry in listed]


def test_two_forms_at_once_are_refused() -> None:
    ended = run_here("spaces", "--json", "--format", "csv")
    assert (ended.code, ended.stderr) == (2, "error: --json and --format csv: choose one\n")
