"""A command that has parted from the prepared process, and is yet a child of the test that started it."""

from __future__ import annotations

import ctypes
import inspect
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.prepared import ask

PR_SET_CHILD_SUBREAPER = 36
"""Of prctl: processes below this one whose parent has ended become its own children."""


class PartedProcess(subprocess.Popen[Any]):
    """A command that has parted from the prepared process; else a child of this process as any other is."""

    def __init__(self, arguments: Sequence[str], patch: str, workers: str = "", **options: Any) -> None:
        """:param patch: Python that is run before the command.
        :param workers: where the Ray that it starts asks for workers; by itself it starts interpreters.
        :param options: of `subprocess.Popen`.
        """
        self._job = {"arguments": list(arguments), "patch": patch, "limit": None, "workers": workers}
        super().__init__(list(arguments), **options)

    def _execute_child(self, *words: Any, **named: Any) -> None:
        whole, kind = vars(self), vars(subprocess.Popen)
        given = inspect.signature(kind["_execute_child"]).bind(self, *words, **named).arguments
        streams = [given[name] for name in ("p2cread", "c2pwrite", "errwrite")]
        paths = [
            f"/proc/{os.getpid()}/fd/{number if stream == -1 else stream}" for number, stream in enumerate(streams)
        ]
        job = {
            **self._job,
            "variables": dict(given["env"]),
            "folder": str(given["cwd"] or Path.cwd()),
            "streams": [os.devnull if streams[0] == -1 else paths[0], *paths[1:]],
            "alone": given["start_new_session"],
        }
        take_in = ctypes.CDLL(None).prctl
        take_in(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        try:
            pid = ask(job)
        finally:
            take_in(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
        assert pid is not None
        self.pid = pid
        whole["_child_created"] = True
        ends = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        kind["_close_pipe_fds"](self, *(given[name] for name in ends))
