"""The table of the tests on other versions, from what pytest wrote of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import matrix

SUITE = '<testsuite name="pytest" errors="2" failures="3" skipped="1" tests="4427" time="2010.2"/>'


def test_errors_count_as_failures_and_a_run_that_was_broken_off_is_told(tmp_path: Path) -> None:
    report = tmp_path / "tests.xml"
    assert matrix.read_counts(report) == "0 | broken off | "
    report.write_text(f"<testsuites>{SUITE}</testsuites>")
    assert matrix.read_counts(report) == "4,427 | 5 | 34"


def test_a_case_that_cannot_be_installed_has_not_passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "make_environment", lambda *_: 2)
    outcome = matrix.run_case("3.13", tmp_path / "3.13", tmp_path / "tests.xml")
    assert not outcome.passed
    assert outcome.line.startswith("| 3.13 | could not be installed |")


@pytest.mark.parametrize(("case", "typed"), [("3.10", False), ("3.13", True), ("lowest", False)])
def test_types_are_checked_where_the_libraries_are_those_that_the_sources_are_held_to(
    case: str, typed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / case
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n')
    python.chmod(0o755)
    monkeypatch.setattr(matrix, "make_environment", lambda *_: 0)
    assert matrix.run_case(case, folder, tmp_path / "tests.xml").passed
    asked = (tmp_path / "asked").read_text()
    assert asked.startswith(f"-m pytest -q -m {matrix.QUICK} --junitxml={tmp_path}/tests.xml")
    assert ("--deselect tests/test_code.py::test_checks[mypy]" not in asked) == typed
