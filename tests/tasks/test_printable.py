"""Texts of somebody else on a terminal."""

from __future__ import annotations

import pytest

from tasks.printable import make_printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("\x9b31m \x08 \r", r"\x9b31m \x08 \r"),
        ("a\u202eb\u2066", r"a\u202eb\u2066"),
        ("a\tb\nc ± 8/255 ü 漢", "a\tb\nc ± 8/255 ü 漢"),
    ],
)
def test_nothing_steers_the_terminal(text: str, shown: str) -> None:
    assert make_printable(text) == shown
