"""Writing in a thread: in order, whole at the end, and no failure is lost."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tasks.storage.storage import open_storage
from tasks.storage.write_behind import WriteBehind
from tests.support.harness import LIMIT


class Slow:
    """A storage whose writes wait for a word."""

    def __init__(self) -> None:
        self.go, self.written = threading.Event(), list[bytes]()

    def write(self, name: str, content: bytes) -> None:  # noqa: ARG002
        assert self.go.wait(LIMIT)
        if content == b"bad":
            raise OSError("a disk is full")
        self.written.append(content)


def test_who_writes_goes_on_and_at_the_end_all_is_written() -> None:
    storage = Slow()
    with WriteBehind(storage) as behind:  # type: ignore[arg-type]
        behind.write("x", b"1")
        assert storage.written == [], "nobody has waited"
        storage.go.set()
        behind.write("x", b"2")
        assert storage.written[0] == b"1", "one after another"
    assert storage.written == [b"1", b"2"]


def write_all(storage: Any, *contents: bytes, error: BaseException | None = None) -> None:
    with WriteBehind(storage) as behind:
        for content in contents:
            behind.write("x", content)
        if error:
            raise error


@pytest.mark.parametrize("contents", [(b"bad",), (b"bad", b"2")])
def test_what_fails_is_raised_by_the_next_write_or_at_the_end(contents: tuple[bytes, ...]) -> None:
    storage = Slow()
    storage.go.set()
    with pytest.raises(OSError, match="full"):
        write_all(storage, *contents)
    assert storage.written == []


def test_an_error_of_whoever_writes_is_not_hidden(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_all(open_storage(tmp_path), b"1", error=KeyboardInterrupt())
    assert (tmp_path / "x").read_bytes() == b"1"
