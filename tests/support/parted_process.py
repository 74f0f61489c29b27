"""A command that has parted from the prepared process, and looks as a child of the test that started it does."""

from __future__ import annotations

import inspect
import os
import select
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypedDict

from tests.support.prepared import ask

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Options(TypedDict, total=False):
    """Those of `subprocess.Popen` that tests use."""

    stdin: int | IO[Any] | None
    stdout: int | IO[Any] | None
    stderr: int | IO[Any] | None
    text: bool
    start_new_session: bool


class PartedProcess(subprocess.Popen[Any]):
    """A command that has parted from the prepared process, which tells how it ends; else as any other child."""

    def __init__(
        self,
        arguments: Sequence[str],
        patch: str,
        workers: str,
        variables: Mapping[str, str],
        **options: Unpack[Options],
    ) -> None:
        """:param patch: Python that is run before the command.
        :param workers: where the Ray that it starts asks for workers; by itself it starts interpreters.
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
        nothing = os.open(os.devnull, os.O_RDONLY)
        try:
            self.pid, self._told = ask(job, [nothing if read == -1 else read, *written])
        finally:
            os.close(nothing)
        whole["_child_created"] = True
        ends = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        kind["_close_pipe_fds"](self, *(given[name] for name in ends))

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        return self._hear_end(0)

    def _wait(self, timeout: float | None) -> int:
        if self._hear_end(timeout) is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        assert self.returncode is not None
        return self.returncode

    def _hear_end(self, seconds: float | None) -> int | None:
        """The exit code, once the process has ended.

        :param seconds: to wait for it; null: for ever.
        """
        if self.returncode is None and select.select([self._told], [], [], seconds)[0]:
            with self._told:
                self.returncode = int(self._told.recv(99) or 1)
        return self.returncode


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
