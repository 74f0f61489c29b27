"""Digests of the files of a folder: read once, by whoever asks first, and again where a file is not as it was."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from pathlib import Path

import pytest

from tasks import file_digests
from tasks.file_digests import hash_files
from tasks.fingerprints import hash_content, hash_folder, hash_parts
from tests.support.harness import LIMIT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "images"
    made.mkdir()
    for number in range(12):
        (made / f"{number:02d} \n.png").write_bytes(bytes([number]) * 10)
    return made


class Reader:
    """Reads files, and keeps which."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, path: Path) -> str:
        self.read.append(path.name)
        return hash_content(path)


def list_names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_file_is_read_once_and_again_where_it_has_changed(folder: Path, tmp_path: Path) -> None:
    names, reader, memory = list_names(folder), Reader(), tmp_path / "memory.files"
    first = hash_files(folder, names, memory, reader)
    assert first == [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names]
    assert hash_files(folder, names[3:7], memory, reader) == first[3:7]
    assert sorted(reader.read) == names
    (folder / names[4]).write_bytes(b"another size")
    stat = (folder / names[5]).stat()
    (folder / names[5]).write_bytes(b"x" * 10)
    os.utime(folder / names[5], ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    reader.read.clear()
    again = hash_files(folder, names, memory, reader)
    assert sorted(reader.read) == names[4:6]
    assert [old == new for old, new in zip(first, again, strict=True)] == [number not in (4, 5) for number in range(12)]


def test_who_is_killed_loses_a_portion_at_most(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_digests, "PORTION", 4)
    names, memory, reader = list_names(folder), tmp_path / "memory.files", Reader()

    def fail_late(path: Path) -> str:
        if path.name == names[9]:
            raise OSError("the power is gone")
        return hash_content(path)

    with pytest.raises(OSError, match="power"):
        hash_files(folder, names, memory, fail_late)
    with memory.open("ab") as stream:
        stream.write(b"6162 half a li")
    hash_files(folder, names, memory, reader)
    assert sorted(reader.read) == names[8:]
    reader.read.clear()
    hash_files(folder, names, memory, reader)
    assert reader.read == []


def test_who_asks_meanwhile_waits_and_reads_nothing(folder: Path, tmp_path: Path) -> None:
    names, memory, begun, go_on = list_names(folder), tmp_path / "memory.files", threading.Event(), threading.Event()

    def read_slowly(path: Path) -> str:
        begun.set()
        go_on.wait(LIMIT)
        return hash_content(path)

    reader = Reader()
    first = threading.Thread(target=hash_files, args=(folder, names, memory, read_slowly, 1))
    second = threading.Thread(target=hash_files, args=(folder, names, memory, reader))
    first.start()
    assert begun.wait(LIMIT)
    second.start()
    go_on.set()
    first.join(LIMIT)
    second.join(LIMIT)
    assert reader.read == []


def test_what_is_remembered_does_not_grow_without_end(folder: Path, tmp_path: Path) -> None:
    names, memory = list_names(folder), tmp_path / "memory.files"
    for round_ in range(8):
        for name in names:
            (folder / name).write_bytes(bytes([round_]) * (round_ + 20))
        hash_files(folder, names, memory, hash_content)
    assert len(memory.read_bytes().split(b"\n")) <= 4 * len(names)


def test_a_fingerprint_is_one_of_names_and_contents(folder: Path) -> None:
    names = list_names(folder)
    (folder / "labels.gz").write_bytes((folder / names[0]).read_bytes())
    with pytest.raises(OSError, match="gzip"):
        hash_folder(folder, ["labels.gz"])
    pairs = [(name, hash_content(folder / name)) for name in names]
    assert hash_folder(folder, reversed(names)) == hashlib.sha256(json.dumps(pairs).encode()).hexdigest()
    below = [(f"{part}/{name}", digest) for part in ("a", "b") for name, digest in pairs]
    parts = [(folder, "b/", names), (folder, "a/", names)]
    assert hash_parts(parts) == hashlib.sha256(json.dumps(below).encode()).hexdigest()
    assert hash_parts([]) == hashlib.sha256(b"[]").hexdigest()
