"""Paths that a user writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.errors import UsageError
from tasks.local_paths import list_missing_folders, parse_local_path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (" ", "--out ' ': is empty"),
        ("a\0b", "holds a zero byte"),
        ("~nobody-of-that-name/x", "no home folder of that user"),
        ("\udcff", "is not UTF-8"),
        ("a" * 256, "is too long: a name has at most 255 bytes, a path 4095"),
        ("ä" * 128, "is too long"),
        ("/".join(["a" * 200] * 21), "is too long"),
    ],
)
def test_a_path_that_no_file_can_have_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_local_path(text, "--out")


def test_a_path_that_a_file_can_have_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert parse_local_path("~/x", "--out") == Path("/home/somebody/x")
    assert parse_local_path("a" * 255, "") == Path("a" * 255)
    assert parse_local_path("ä" * 127, "") == Path("ä" * 127)


def test_folders_that_are_missing_come_the_innermost_first(tmp_path: Path) -> None:
    assert list_missing_folders(tmp_path) == []
    assert list_missing_folders(tmp_path / "a" / "b") == [tmp_path / "a" / "b", tmp_path / "a"]
