"""A folder of files by checksum that a machine keeps."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from tasks.storage.node_cache import NodeCache


def checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def never() -> bytes:
    raise AssertionError("it is here")


def test_what_was_fetched_is_here_the_next_time(tmp_path: Path) -> None:
    cache, asked = NodeCache(tmp_path, 100), []

    def get() -> bytes:
        asked.append(1)
        return b"weights"

    assert cache.fetch(checksum(b"weights"), get) == b"weights"
    assert cache.fetch(checksum(b"weights"), never) == b"weights"
    assert len(asked) == 1


def test_a_file_that_has_changed_is_fetched_anew(tmp_path: Path) -> None:
    cache = NodeCache(tmp_path, 100)
    cache.keep(checksum(b"weights"), b"weights")
    (tmp_path / checksum(b"weights")).write_bytes(b"rubbish")
    assert cache.fetch(checksum(b"weights"), lambda: b"weights") == b"weights"
    assert (tmp_path / checksum(b"weights")).read_bytes() == b"weights"


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    cache, contents = NodeCache(tmp_path, 25), [letter * 10 for letter in (b"a", b"b", b"c")]
    for age, content in zip((200, 300), contents[:2], strict=True):
        cache.keep(checksum(content), content)
        os.utime(tmp_path / checksum(content), (1e9 - age, 1e9 - age))
    cache.keep(checksum(contents[2]), contents[2])
    assert {file.name for file in tmp_path.iterdir()} == {checksum(contents[0]), checksum(contents[2])}
    cache.keep(checksum(b"d" * 26), b"d" * 26)
    kept = {file.name for file in tmp_path.iterdir()}
    assert kept == {checksum(contents[0]), checksum(contents[2])}, "larger than all there may be: it drives nothing out"


def test_what_was_read_lately_stays_though_it_was_written_first(tmp_path: Path) -> None:
    cache, contents = NodeCache(tmp_path, 25), [letter * 10 for letter in (b"a", b"b", b"c")]
    for age, content in zip((300, 200), contents[:2], strict=True):
        cache.keep(checksum(content), content)
        os.utime(tmp_path / checksum(content), (1e9 - age, 1e9 - age))
    assert cache.fetch(checksum(contents[0]), never) == contents[0]
    cache.keep(checksum(contents[2]), contents[2])
    assert {file.name for file in tmp_path.iterdir() if file.is_file()} == {
        checksum(contents[0]), checksum(contents[2])
    }  # fmt: skip
