"""Single files of a disk, of which nothing is taken on trust: links, pipes and folders may stand in their place."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from tasks.errors import MisplacedError, TooLargeError, name_place


def check_no_link_leads_out(root: str, name: str) -> None:
    """:raises MisplacedError: the name below the root, or a folder above it, is a link out of it, or to itself."""
    path = Path(root)
    for part in name.split("/") if name else ():
        path = path / part
        if not path.is_symlink():
            continue
        if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
            raise MisplacedError(f"{path}: is a link that leads out of the storage")
        if Path(os.path.realpath(path)).is_symlink():  # what it leads to is a link that could not be followed
            raise MisplacedError(f"{path}: is a link that leads to itself")


def check_no_link_leads_nowhere(root: str, name: str) -> None:
    """:raises MisplacedError: the name below the root, or a folder above it, is a link to what is not there."""
    path = Path(root)
    for part in name.split("/") if name else ():
        path = path / part
        if path.is_symlink() and not path.exists():
            raise MisplacedError(f"{path}: is a link that leads nowhere")


def open_no_link(path: str, flags: int) -> int:
    """Open what has this name itself, without waiting: a pipe that nobody reads is an error at once."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)


def read_file(path: Path, most: int) -> bytes:
    """The content of a file; a pipe, a device or a folder in its place is not waited for.

    :param most: the bytes that it may have.
    :raises MisplacedError: it is something else.
    :raises TooLargeError: it has more bytes.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ELOOP, errno.ENOTDIR):  # a socket, links in a circle, below a file
            raise MisplacedError(f"{path}: {error.strerror}") from None
        raise
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise MisplacedError(f"{path}: is no file")
        if found.st_size > most:
            raise TooLargeError(str(path), found.st_size, most)
        with open(descriptor, "rb", closefd=False) as stream:
            return stream.read()
    finally:
        os.close(descriptor)


def write_file(path: Path, content: bytes) -> None:
    """Write a file that is on the disk, not only in memory, once this returns."""
    with name_place(path), path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
