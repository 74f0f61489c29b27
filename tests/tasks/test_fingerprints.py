"""Fingerprints follow names and contents, and nothing else."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import pytest

from tasks.fingerprints import get_cache_folder, hash_content, hash_file, hash_folder, hash_parts


def test_a_gzipped_file_counts_as_what_is_inside(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"content"))
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"content")[:-9])
    expected = hashlib.sha256(b"content").hexdigest()
    assert hash_content(tmp_path / "a") == hash_content(tmp_path / "a.gz") == expected
    with pytest.raises(OSError, match="cannot be unpacked"):
        hash_content(tmp_path / "cut.gz")
    with pytest.raises(FileNotFoundError):
        hash_content(tmp_path / "missing")
    with pytest.raises(OSError, match="no regular file"):
        hash_content(tmp_path)


def test_a_fingerprint_is_remembered_until_the_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"one")
    times = file.stat().st_mtime_ns
    first = hash_file(file)
    assert first == hashlib.sha256(b"one").hexdigest()
    file.write_bytes(b"two")
    os.utime(file, ns=(times, times))
    assert hash_file(file) == first, "of the same size and time"
    os.utime(file, ns=(times, times + 1))
    assert hash_file(file) == hashlib.sha256(b"two").hexdigest()
    assert len(list((get_cache_folder() / "fingerprints").glob("*.txt"))) == 2


def test_a_folder_is_its_names_and_contents_in_any_order(tmp_path: Path) -> None:
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "b").write_bytes(b"2")
        (tmp_path / folder / "a").write_bytes(b"1")
    found = hash_folder(tmp_path / "one", ["b", "a"])
    assert found == hash_folder(tmp_path / "other", ["a", "b"])
    assert found != hash_folder(tmp_path / "one", ["a"])
    assert found == hash_parts([(tmp_path / "one", "", ["b"]), (tmp_path / "other", "", ["a"])])
    assert found != hash_parts([(tmp_path / "one", "x/", ["b"]), (tmp_path / "other", "", ["a"])])
    (tmp_path / "other" / "b").rename(tmp_path / "other" / "c")
    assert found != hash_folder(tmp_path / "other", ["a", "c"])
    digests = [hashlib.sha256(content).hexdigest() for content in (b"1", b"2")]
    text = f'[["a", "{digests[0]}"], ["b", "{digests[1]}"]]'
    assert found == hashlib.sha256(text.encode()).hexdigest(), "what keys of stored stages hold"


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADVSWEEP_CACHE", "/first")
    monkeypatch.setenv("XDG_CACHE_HOME", "/second")
    monkeypatch.setenv("HOME", "/third")
    assert get_cache_folder() == Path("/first")
    monkeypatch.delenv("ADVSWEEP_CACHE")
    assert get_cache_folder() == Path("/second/advsweep")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert get_cache_folder() == Path("/third/.cache/advsweep")
