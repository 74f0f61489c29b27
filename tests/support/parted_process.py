"""A command that has parted from the prepared process, and is yet a child of the test that started it."""

from __future__ import annotations

import ctypes
import inspect
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypedDict

from tests.support.prepared import ask

if TYPE_CHECKING:
    from typing_extensions import Unpack

PR_SET_CHILD_SUBREAPER = 36
"""Of prctl: processes below this one whose parent has ended become its own children."""


class Options(TypedDict, total=False):
    """Those of `subprocess.Popen` that tests use."""

    stdin: int | IO[Any] | None
    stdout: int | IO[Any] | None
    stderr: int | IO[Any] | None
    text: bool
    start_new_session: bool


class PartedProcess(subprocess.Popen[Any]):
    """A command that has parted from the prepared process; else a child of this process as any other is."""

    def __init__(
        self,
        arguments: Sequence[str],
        patch: str,
        workers: str,
        variables: Mapping[str, str],
        **options: Unpack[Options],
    ) -> None:
        """:param patch: Python that is run before the command.
        :param workers: where the Ray that it starts asks for workers.
        """
        self._job = {"kind": "command", "words": list(arguments), "patch": patch, "workers": workers}
        super().__init__(list(arguments), env=variables, **options)

    def _execute_child(self, *words: Any, **named: Any) -> None:
        whole, kind = vars(self), vars(subprocess.Popen)
        given = inspect.signature(kind["_execute_child"]).bind(self, *words, **named).arguments
        read = given["p2cread"]
        written = [own if given[name] == -1 else given[name] for own, name in ((1, "c2pwrite"), (2, "errwrite"))]
        job = {
            **self._job,
            "variables": dict(given["env"]),
            "folder": str(given["cwd"] or Path.cwd()),
            "alone": given["start_new_session"],
        }
        take_in = ctypes.CDLL(None).prctl
        nothing = os.open(os.devnull, os.O_RDONLY)
        take_in(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        try:
            self.pid = ask(job, [nothing if read == -1 else read, *written])
        finally:
            take_in(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
            os.close(nothing)
        whole["_child_created"] = True
        ends = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        kind["_close_pipe_fds"](self, *(given[name] for name in ends))


def run_parted(
    arguments: Sequence[str], variables: Mapping[str, str], workers: str, limit: float
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end.

    :raises subprocess.TimeoutExpired: it has not ended within so many seconds, and was killed.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:  # what it starts may live on
        process = PartedProcess(arguments, "", workers, variables, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        for file in (out, err):
            file.seek(0)
        return subprocess.CompletedProcess(list(arguments), code, out.read(), err.read())
