"""Documents that anybody may have left: what is wrong is named, once."""

from __future__ import annotations

import logging

import pytest

from tasks.errors import MisplacedError
from tasks.storage.documents import Count, Document, Moment, Seconds, note_passed_over, parse_document, warn_once


class Inner(Document):
    """One level down."""

    count: Count


class Outer(Document):
    """Every kind of field."""

    seconds: Seconds
    at: Moment
    parts: dict[str, Inner]


GOOD = b'{"seconds": 0.0, "at": "2026-01-01T00:00:00+00:00", "parts": {"a": {"count": 0}}, "more": [1]}'


def test_a_document_is_given_as_it_stands_with_what_else_stands_there() -> None:
    assert parse_document(GOOD, Outer, "here") == {
        "seconds": 0.0,
        "at": "2026-01-01T00:00:00+00:00",
        "parts": {"a": {"count": 0}},
        "more": [1],
    }
    assert Document.most_bytes == 10_000_000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"{", "is no JSON"),
        (b"\xff\xfe", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"[]", "is not what belongs there"),
        (GOOD.replace(b'"seconds": 0.0, ', b""), "seconds: Field required"),
        (GOOD.replace(b": 0.0,", b": -0.5,"), "seconds: Input should be greater than or equal to 0"),
        (GOOD.replace(b": 0.0,", b": NaN,"), "seconds: Input should be "),
        (GOOD.replace(b": 0.0,", b": Infinity,"), "seconds: Input should be a finite number"),
        (GOOD.replace(b": 0.0,", b': "0",'), "seconds: Input should be a valid number"),
        (GOOD.replace(b": 0}", b": -1}"), r"parts\.a\.count: Input should be greater than or equal to 0"),
        (GOOD.replace(b": 0}", b": 0.0}"), r"parts\.a\.count: Input should be a valid integer"),
        (GOOD.replace(b"2026-01", b"2026-13"), "at: Value error, month must be in 1..12"),
    ],
)
def test_what_is_wrong_is_named_with_its_field(content: bytes, message: str) -> None:
    with pytest.raises(MisplacedError, match=rf"^here: {message}"):
        parse_document(content, Outer, "here")


def test_what_was_passed_over_is_named_once_and_steers_no_terminal(caplog: pytest.LogCaptureFixture) -> None:
    warn_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        for name in ("one\x1b[2J", "two", "one\x1b[2J"):
            note_passed_over(MisplacedError(f"{name}: is empty"))
    assert [record.getMessage() for record in caplog.records] == [
        r"one\x1b[2J: is empty; passed over",
        "two: is empty; passed over",
    ]
    assert {record.name for record in caplog.records} == {"advsweep.storage"}
