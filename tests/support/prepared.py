"""Launches that need not import: a process that has imported torch, Ray and Tune parts into one for each command.

To import them takes a launch eight seconds of CPU time, half of what a small one takes. That it can do so, and in
which order, is seen by every test that starts `python -m advsweep` itself.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from tests.support.checkout import ROOT
from tests.support.parted_workers import serve_workers, start_workers_by_stub

COMMANDS = ("launch", "evaluate")
"""Those that start a Ray. The others import little, and would not start this process by themselves."""
IMPORTED = (
    "ray.tune", "wandb", "orchestrator.cli.app", "orchestrator.launch", "orchestrator.run.driver",
)  # fmt: skip
"""What a launch imports beside what its workers do, at once or on its way: Tune imports W&B."""
READ_BY_IMPORTS = ("RAY_", "PYTHON", "OMP_", "LD_", "COV")
"""How variables begin that are read when something is imported, or when an interpreter starts."""
READ_LATER = (
    "PYTHONUNBUFFERED", "RAY_AUTH_TOKEN_PATH", "RAY_TMPDIR",
    "RAY_memory_usage_threshold", "RAY_memory_monitor_refresh_ms",
)  # fmt: skip
"""Those of them that a command heeds here too: the first is done by hand, a token is read when it is needed, and the
others are for what Ray starts."""
MOST = 2
"""Prepared processes at the same time: of tests that have a cluster, and of what has none. Each takes memory."""


class Prepared(NamedTuple):
    """The process, the variables that it was started with, and where it is asked for workers of Ray."""

    process: subprocess.Popen[str]
    variables: Mapping[str, str]
    workers: str


def find_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """What a process with these variables would read when it imports."""
    return {
        name: value for name, value in variables.items() if name.startswith(READ_BY_IMPORTS) and name not in READ_LATER
    }


HELD: list[Prepared] = []
"""Those that there are, the one that was needed last at the end."""


def start_prepared(variables: Mapping[str, str]) -> None:
    """Start one with these variables, if there is none; it ends with this process."""
    if find_prepared(variables):
        return
    while len(HELD) >= MOST:
        oldest = HELD.pop(0).process
        oldest.kill()
        oldest.wait()
    folder = tempfile.mkdtemp(prefix="prepared-")  # W&B makes one in it when it is imported
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    workers = str(Path(folder) / "workers")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.prepared", workers],
        cwd=ROOT, env={**variables, "TMPDIR": folder}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    atexit.register(process.kill)
    HELD.append(Prepared(process, find_variables(variables), workers))


def find_prepared(variables: Mapping[str, str]) -> Prepared | None:
    """The one with these variables, if there is one."""
    wanted = find_variables(variables)
    found = next((held for held in HELD if held.variables == wanted), None)
    if found:
        HELD.remove(found)
        HELD.append(found)
    return found


def find_worker_source(variables: Mapping[str, str]) -> str:
    """Where Ray asks for workers that part from the prepared process."""
    held = find_prepared(variables)
    assert held is not None, "`can_run` was asked"
    return held.workers


def can_run(command: str, variables: Mapping[str, str]) -> bool:
    """Whether the command would import in vain, and imports would find now what they found then.

    What measures the lines that run counts none of a process that has parted from another.
    """
    if any(name.startswith("COV") for name in os.environ):
        return False
    if command in COMMANDS and without_rays(variables) == without_rays(os.environ):
        start_prepared(variables)
    return find_prepared(variables) is not None


def without_rays(variables: Mapping[str, str]) -> dict[str, str]:
    """What an interpreter and libraries other than Ray would read: a process that is prepared is one of ours."""
    return {name: value for name, value in find_variables(variables).items() if not name.startswith("RAY_")}


def run_prepared(
    arguments: Sequence[str], variables: Mapping[str, str], limit: float
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, here.

    :raises subprocess.TimeoutExpired: it has not ended within so many seconds, and was killed.
    """
    workers = find_worker_source(variables)
    with tempfile.TemporaryDirectory(prefix="prepared-") as folder:
        said = [Path(folder) / name for name in ("stdout", "stderr")]
        for file in said:
            file.touch()
        job = {"arguments": arguments, "variables": dict(variables), "folder": str(Path.cwd())}
        code = ask({**job, "streams": [os.devnull, *map(str, said)], "limit": limit, "workers": workers})
        out, err = (file.read_text() for file in said)
    if code is None:
        raise subprocess.TimeoutExpired(list(arguments), limit, out, err)
    return subprocess.CompletedProcess(list(arguments), code, out, err)


def ask(job: Mapping[str, Any]) -> int | None:
    """Send a request to the prepared process, and wait for its answer."""
    held = find_prepared(job["variables"])
    assert held is not None, "`can_run` was asked"
    requests, answers = held.process.stdin, held.process.stdout
    assert requests is not None, "it is a pipe"
    assert answers is not None, "it is a pipe"
    requests.write(json.dumps(job) + "\n")
    requests.flush()
    answer: int | None = json.loads(answers.readline())
    return answer


def serve(requests: IO[str], answers: IO[str]) -> None:
    """Answer each request, a command in JSON: by its exit code, or null where it had to be killed.

    One without a limit is answered at once, by the id of a process that has no parent here.
    """
    gc.disable()  # nothing of what is imported is garbage
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()
    gc.enable()
    while line := requests.readline():
        job = json.loads(line)
        limit = job.pop("limit")
        streams = [open_stream(path, number) for number, path in enumerate(job.pop("streams"))]
        if limit is None:
            answer: int | None = leave_alone(functools.partial(become_command, streams, **job))
        else:
            child = os.fork()
            if not child:
                become_command(streams, **job)
            answer = wait_for(child, limit)
        for stream in streams:
            os.close(stream)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def wait_for(child: int, limit: float) -> int | None:
    """The exit code of a child, or null where it was killed because the time was up."""
    until = time.monotonic() + limit
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def open_stream(path: str, number: int) -> int:
    """Open what a command is to read from, 0, or to write to, 1 and 2."""
    return os.open(path, os.O_WRONLY | os.O_APPEND if number else os.O_RDONLY)


def leave_alone(run: Callable[[], None]) -> int:
    """The id of a process that runs a function, and whose parent has ended."""
    told, tell = os.pipe()
    between = os.fork()
    if not between:
        child = os.fork()
        if not child:
            os.close(tell)
            os.close(told)
            run()
        os.write(tell, str(child).encode())
        os._exit(0)
    os.waitpid(between, 0)
    child = int(os.read(told, 20))
    os.close(told)
    os.close(tell)
    return child


def become_command(
    streams: Sequence[int],
    arguments: list[str],
    variables: dict[str, str],
    folder: str,
    patch: str = "",
    alone: bool = False,
    workers: str = "",
) -> None:
    """Be what `python -m advsweep` is once it has imported, and end as it does.

    :param patch: Python that is run before the command.
    :param alone: in a session of its own.
    :param workers: where the Ray that it starts asks for workers; by itself it starts interpreters.
    """
    try:
        if alone:
            os.setsid()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        at_once = bool(variables.get("PYTHONUNBUFFERED"))
        sys.stdin = os.fdopen(0)
        sys.stdout = io.TextIOWrapper(os.fdopen(1, "wb", 0 if at_once else -1), write_through=at_once)
        sys.stderr = io.TextIOWrapper(os.fdopen(2, "wb"), errors="backslashreplace", line_buffering=True)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(variables)
        tempfile.tempdir = None
        random.seed()
        sys.path[0], sys.argv[1:] = folder, arguments
        if workers:
            start_workers_by_stub(workers)
        exec(patch, {})
        importlib.import_module("orchestrator.cli").main()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)  # it has ended the process, if all is well


if __name__ == "__main__":
    serve_workers(sys.argv[1])
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    serve(sys.stdin, output)
