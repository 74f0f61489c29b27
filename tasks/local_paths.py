"""Paths that a user writes: checked before anything is looked up, so that the system has no reason to balk at one."""

from __future__ import annotations

import os
from pathlib import Path

from tasks.errors import UsageError

LONGEST_NAME, LONGEST_PATH = 255, 4095
"""Bytes of a name and of a path on the file systems that are in use."""


def parse_local_path(text: str | Path, what: str) -> Path:
    """A path with `~` written out.

    :param what: the option that it was given by, for the message.
    :raises UsageError: no file can have this path, or there is no user of that name.
    """
    head = f"{what} {str(text)[:100]!r}: " if what else ""
    if not str(text).strip():
        raise UsageError(f"{head}is empty; write . for the folder that you are in")
    if "\0" in str(text):
        raise UsageError(f"{head}holds a zero byte, which no path can hold")
    try:
        path = Path(text).expanduser()
        encoded = str(path.absolute()).encode()
    except RuntimeError:
        raise UsageError(f"{head}there is no home folder of that user") from None
    except UnicodeEncodeError:
        raise UsageError(f"{head}is not UTF-8") from None
    if len(encoded) > LONGEST_PATH or any(len(name) > LONGEST_NAME for name in encoded.split(b"/")):
        raise UsageError(f"{head}is too long: a name has at most {LONGEST_NAME} bytes, a path {LONGEST_PATH}")
    return path


def list_missing_folders(folder: Path) -> list[Path]:
    """The folder and those above it that are not there, the innermost first: what a trial of writing has to remove."""
    return [each for each in (folder, *folder.parents) if not os.path.lexists(each)]
