"""What is made once in a run of the tests, however many processes take part in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from tasks.keys import hash_json

SHARED = "TESTS_SHARED_FOLDER"
"""The variable that names a folder of this run of the tests, gone when it ends (`tests/conftest.py`)."""
GIVEN = f"{SHARED}_OF_SEVERAL"
"""The variable that names one to a run that is a part of the whole; it removes nothing there."""


def make_once(identity: object, make: Callable[[Path], object]) -> Path:
    """A folder that the first process which asks has filled, and that nobody changes afterwards.

    :param identity: what it holds, as JSON has it.
    :param make: fills an empty folder.
    """
    folder = Path(os.environ[SHARED]) / hash_json(identity)
    with FileLock(f"{folder}.lock"):
        filled = folder / "filled"
        if not filled.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a test that was cut while it filled it
            folder.mkdir()
            make(folder)
            filled.touch()
    return folder
