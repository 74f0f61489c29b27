"""Files of a disk: what stands in their place is named, and nothing is waited for."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.errors import MisplacedError, TooLargeError
from tasks.storage.local_files import (
    check_no_link_leads_nowhere,
    check_no_link_leads_out,
    open_no_link,
    read_file,
    write_file,
)
from tests.support.damage import make_pipe, make_socket


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A storage with a folder inside, and beside it a file of somebody else."""
    (tmp_path / "storage" / "inside").mkdir(parents=True)
    (tmp_path / "storage" / "inside" / "file").write_bytes(b"ours")
    (tmp_path / "storage2").mkdir()
    return tmp_path / "storage"


LINKS: list[tuple[str, str, str]] = [
    ("a", "inside/file", ""),
    ("a", "../storage/inside", ""),
    ("a", "..", "is a link that leads out of the storage"),
    ("a", "../storage2", "is a link that leads out of the storage"),
    ("a", "a", "is a link that leads to itself"),
    ("a", "gone", "is a link that leads nowhere"),
    ("inside/a", "gone", "is a link that leads nowhere"),
]


@pytest.mark.parametrize(("name", "target", "problem"), LINKS)
@pytest.mark.parametrize("below", ["", "/x/y"])
def test_a_link_and_a_folder_that_is_one_are_looked_at(
    root: Path, name: str, target: str, problem: str, below: str
) -> None:
    (root / name).symlink_to(target)
    checks: list[Callable[[str, str], None]] = [check_no_link_leads_out, check_no_link_leads_nowhere]
    said = []
    for check in checks:
        try:
            check(str(root), name + below)
        except MisplacedError as error:
            said.append(str(error))
    assert (f"{root / name}: {problem}" in said) is bool(problem)
    assert not any("leads nowhere" in text for text in said) or "self" in problem or "nowhere" in problem
    for check in checks:
        check(str(root), "")
        check(str(root), "inside/file")


def test_a_file_is_read_to_its_end_and_not_beyond_what_it_may_have(root: Path) -> None:
    file = root / "inside" / "file"
    assert read_file(file, 4) == b"ours"
    with pytest.raises(TooLargeError, match=rf"^{file}: has 4 bytes; the most that is read is 3$"):
        read_file(file, 3)


def test_what_is_no_file_is_named_and_not_waited_for(root: Path) -> None:
    make_pipe(root / "pipe")
    make_socket(root / "socket")
    (root / "circle").symlink_to("circle")
    places = {
        root / "pipe": "is no file",
        root / "inside": "is no file",
        root / "socket": "No such device or address",
        root / "circle": "Too many levels of symbolic links",
        root / "inside" / "file" / "below": "Not a directory",
    }
    before = len(list(Path("/proc/self/fd").iterdir()))
    for place, reason in places.items():
        with pytest.raises(MisplacedError, match=f"^{re.escape(str(place))}: {reason}$"):
            read_file(place, 100)
    with pytest.raises(FileNotFoundError):
        read_file(root / "gone", 100)
    assert len(list(Path("/proc/self/fd").iterdir())) == before, "nothing stays open"


def test_what_is_opened_is_no_link_and_a_pipe_is_not_waited_for(root: Path) -> None:
    (root / "link").symlink_to("inside/file")
    make_pipe(root / "pipe")
    for name, reason in {"link": "symbolic links", "pipe": "No such device"}.items():
        with pytest.raises(OSError, match=reason):
            open_no_link(str(root / name), os.O_WRONLY)


def test_a_file_is_written_whole_and_a_failure_says_where(root: Path) -> None:
    write_file(root / "inside" / "file", b"new")
    assert (root / "inside" / "file").read_bytes() == b"new"
    with pytest.raises(OSError, match=re.escape(f"'{root / 'gone' / 'file'}'")):
        write_file(root / "gone" / "file", b"")
    with pytest.raises(OSError, match=r"No space left on device: '/dev/full'$"):
        write_file(Path("/dev/full"), b"x")
