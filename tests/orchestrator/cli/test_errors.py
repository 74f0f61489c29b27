"""An error as a message and an exit code."""

from __future__ import annotations

import pytest

from orchestrator.cli.errors import DEFECT, report_error
from tasks.errors import CorruptArtifactError, StorageGoneError, UsageError


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (UsageError("no such thing"), 2, "error: no such thing\n"),
        (StorageGoneError("it is gone"), 2, "error: it is gone\n"),
        (CorruptArtifactError("stage abc: bytes"), 2,
         "error: stage abc: bytes; `advsweep launch` sets it aside and computes it again\n"),
        (FileNotFoundError(2, "No such file or directory", "/a"), 2, "error: /a: No such file or directory\n"),
        (BrokenPipeError(32, "Broken pipe"), 0, ""),
        (UsageError("a\x1b[2Jb"), 2, "error: a\\x1b[2Jb\n"),
        (UsageError(f"{'x' * 1993}\n{'y' * 2000}\n{'z' * 2001}"), 2,
         f"error: {'x' * 1993}\n{'y' * 2000}\n{'z' * 2000}...\n"),
        (UsageError("x" * 1994), 2, f"error: {'x' * 1993}...\n"),
    ],
)  # fmt: skip
def test_what_a_user_can_mend_is_one_message(
    error: Exception, code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report_error(error) == code
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", message)


@pytest.mark.parametrize("error", [ValueError("of ours"), OSError("without a number"), KeyError("k")])
def test_all_else_is_a_defect_and_says_where_it_came_from(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    assert report_error(error) == 1
    shown = capsys.readouterr().err.splitlines()
    assert shown[-2].startswith(type(error).__name__)
    assert shown[-1] == DEFECT


def test_an_error_of_the_system_is_shown_whole_to_who_asks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADVSWEEP_TRACEBACK", "1")
    assert report_error(OSError(28, "No space left on device")) == 2
    first, last = capsys.readouterr().err.splitlines()
    assert (first, last) == ("OSError: [Errno 28] No space left on device", "error: No space left on device")
