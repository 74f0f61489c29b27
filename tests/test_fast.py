"""The quick tests in two halves: every test is in one of them, and whoever runs them learns of each that fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import fast
from tests.fast import FIRST, HALVES, NONE_CHOSEN, deal_files, judge_codes, main
from tests.support.checkout import ROOT


def test_what_one_half_leaves_out_is_the_other() -> None:
    first, (everything, *left_out) = HALVES
    assert first == FIRST
    assert everything == "tests"
    assert left_out == [f"--ignore={folder}" for folder in FIRST]
    assert all((ROOT / folder).is_dir() for folder in FIRST)


def test_the_files_of_a_room_are_dealt_by_their_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each once, whichever of the rooms has it."""
    lengths = {"a/test_1.py": 5, "a/b/test_2.py": 9, "a/b/test_3.py": 3, "c/test_4.py": 2, "a/conftest.py": 9}
    for name, length in lengths.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("#" * length)
    monkeypatch.setattr(fast, "ROOT", tmp_path)
    assert deal_files(["a", "c", "a/b"]) == (["a/b/test_2.py"], ["a/test_1.py", "a/b/test_3.py", "c/test_4.py"])
    assert deal_files(["c"]) == (["c/test_4.py"], [])


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
        ((0,), 0),
    ],
)
def test_both_pass_where_no_test_failed_and_one_was_chosen(codes: tuple[int, ...], expected: int) -> None:
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


@pytest.mark.slow
def test_a_room_alone_is_run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    assert main(["tests/benchmarks", "-p", "no:cacheprovider", "-q", "--co"]) == 0
    shown = capfd.readouterr().out
    assert {line.split("::")[0] for line in shown.splitlines() if "::" in line} == {
        f"tests/benchmarks/{file.name}" for file in (ROOT / "tests/benchmarks").glob("test_*.py")
    }
