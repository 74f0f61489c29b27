"""W&B's own library, whose temporary files lie where the next start removes them if this process is killed."""

from __future__ import annotations

import atexit
import contextlib
import functools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.environment import set_variables
from tasks.temporary import make_temporary_folder, remove_temporary_folder

LONGEST_FOLDER = 50
"""Characters that a folder's name may have before sockets below it get names too long to exist."""


def import_wandb() -> Any:
    """The module `wandb`; what it makes when it is imported stays until the process ends."""
    with keep_temporary_files():
        import wandb

    return wandb


@contextlib.contextmanager
def keep_temporary_files() -> Iterator[None]:
    """Keep the temporary files that this process makes inside of the block in one folder of its own.

    So does the process of W&B's that is started there, which has its socket in it.
    """
    folder = str(_make_folder())
    before, tempfile.tempdir = tempfile.tempdir, folder
    short = {"TMPDIR": folder} if len(folder) <= LONGEST_FOLDER else {}
    try:
        with set_variables(short):
            yield
    finally:
        tempfile.tempdir = before


@functools.cache
def _make_folder() -> Path:
    folder = make_temporary_folder()
    atexit.register(remove_temporary_folder, folder)
    return folder
