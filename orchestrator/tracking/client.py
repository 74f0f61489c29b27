"""W&B's own library, whose temporary files lie where the next start removes them if this process is killed."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import sys
import tempfile
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.temporary import make_temporary_folder, remove_temporary_folder

LONGEST_FOLDER = 50
"""Characters that a folder's name may have before sockets below it get names too long to exist."""


def import_wandb() -> Any:
    """The module `wandb`; what it makes when it is imported stays until the process ends."""
    with keep_temporary_files():
        import wandb

    return wandb


JOB_INPUTS = "wandb.sdk.launch.inputs.internal"
"""Where W&B looks, whenever a run begins, for what somebody has declared as inputs of a W&B job."""


@contextlib.contextmanager
def leave_out_jobs() -> Iterator[None]:
    """Begin a run inside without what starts W&B's jobs, which takes two seconds of CPU time to import.

    Where it is imported already it is asked.
    """
    if JOB_INPUTS in sys.modules:
        yield
        return
    stand_in = types.ModuleType(JOB_INPUTS)
    vars(stand_in)["StagedLaunchInputs"] = _NoInputs
    sys.modules[JOB_INPUTS] = stand_in
    try:
        yield
    finally:
        if sys.modules.get(JOB_INPUTS) is stand_in:
            del sys.modules[JOB_INPUTS]


class _NoInputs:
    def apply(self, run: object) -> None:
        """None were declared."""


class ProcessFolder:
    """A temporary folder of this process, in use while any of its threads asks for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._restore = contextlib.ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if self._users == 0:
                folder = str(_make_folder())
                self._restore.callback(setattr, tempfile, "tempdir", tempfile.tempdir)
                tempfile.tempdir = folder
                if len(folder) <= LONGEST_FOLDER:
                    self._restore.callback(_put_back, folder, os.environ.get("TMPDIR"))
                    os.environ["TMPDIR"] = folder
            self._users += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._restore.close()


def _put_back(folder: str, before: str | None) -> None:
    """Let TMPDIR be what it was, unless a Ray that has ended since has put its own in its place.

    A thread that waits for a server may outlive a sweep: what stood there before is the folder of a Ray that is gone.
    """
    if os.environ.get("TMPDIR") != folder:
        return
    if before is None:
        del os.environ["TMPDIR"]
    else:
        os.environ["TMPDIR"] = before


_folder = ProcessFolder()


def keep_temporary_files() -> contextlib.AbstractContextManager[None]:
    """Keep the temporary files that this process makes inside of the block in one folder of its own.

    So does the process of W&B's that is started there, which has its socket in it.
    """
    return _folder


@functools.cache
def _make_folder() -> Path:
    folder = make_temporary_folder()
    atexit.register(remove_temporary_folder, folder)
    return folder
