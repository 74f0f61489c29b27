"""The quick tests in two halves: every test is in one of them, and whoever runs them learns of each that fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import fast
from tests.fast import FIRST, HALVES, NONE_CHOSEN, judge_codes, main
from tests.support.checkout import ROOT


def test_what_one_half_leaves_out_is_the_other() -> None:
    first, (everything, *left_out) = HALVES
    assert first == FIRST
    assert everything == "tests"
    assert left_out == [f"--ignore={folder}" for folder in FIRST]
    assert all((ROOT / folder).is_dir() for folder in FIRST)


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ((0, 0), 0),
        ((1, 0), 1),
        ((0, 1), 1),
        ((NONE_CHOSEN, 0), 0),
        ((0, NONE_CHOSEN), 0),
        ((NONE_CHOSEN, NONE_CHOSEN), NONE_CHOSEN),
        ((NONE_CHOSEN, 1), 1),
        ((2, NONE_CHOSEN), 2),
        ((-9, 0), -9),
    ],
)
def test_both_pass_where_no_test_failed_and_one_was_chosen(codes: tuple[int, int], expected: int) -> None:
    assert judge_codes(codes) == expected


@pytest.mark.slow
def test_a_failure_in_the_half_that_is_shown_later_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Both find the folder that they share, and no slow test runs."""
    text = """
import os, pytest
def test_{name}_half():
    assert os.path.isdir(os.environ["TESTS_SHARED_FOLDER_OF_SEVERAL"])
    assert {passes}
@pytest.mark.slow
def test_slow():
    assert False
"""
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  slow: long\n")
    for name in ("first", "second"):
        (tmp_path / f"test_{name}.py").write_text(text.format(name=name, passes=name != "first"))
    monkeypatch.setattr(fast, "HALVES", [(str(tmp_path / f"test_{name}.py"),) for name in ("first", "second")])
    assert main(["-p", "no:cacheprovider"]) == 1
    shown = capfd.readouterr().out
    assert "1 failed, 1 deselected" in shown
    assert "1 passed, 1 deselected" in shown
    assert "test_first_half" in shown
