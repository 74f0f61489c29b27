"""Launches that need not import: a process that has imported torch, Ray and Tune parts into one for each command.

To import them takes a launch eight seconds of CPU time, half of what a small one takes. That it can do so, and in
which order, is seen by every test that starts `python -m advsweep` itself.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from tests.support.checkout import ROOT

COMMANDS = ("launch", "evaluate")
"""Those that start a Ray. The others import little, and would not start this process by themselves."""
IMPORTED = (
    "torch", "torch._dynamo", "torch._refs", "torch_pruning", "ray.tune", "wandb",
    "orchestrator.cli.app", "orchestrator.launch", "orchestrator.run.driver",
)  # fmt: skip
"""What a launch imports, at once or on its way: a model without weights imports torch's compiler, Tune imports W&B."""
READ_BY_IMPORTS = ("RAY_", "PYTHON", "OMP_", "LD_", "COV")
"""How variables begin that are read when something is imported, or when an interpreter starts."""


class Prepared(NamedTuple):
    """The process, and the variables that it was started with."""

    process: subprocess.Popen[str]
    variables: Mapping[str, str]


def find_variables() -> dict[str, str]:
    """What a process that imports now would read."""
    return {name: value for name, value in os.environ.items() if name.startswith(READ_BY_IMPORTS)}


@functools.cache
def start_prepared() -> Prepared:
    """Start it, once for all tests of this process; it ends with it."""
    folder = tempfile.mkdtemp(prefix="prepared-")  # W&B makes one in it when it is imported
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.prepared"],
        cwd=ROOT, env=os.environ | {"TMPDIR": folder}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    atexit.register(process.kill)
    return Prepared(process, find_variables())


def can_run(command: str) -> bool:
    """Whether the command would import in vain, and imports would find now what they found then.

    What measures the lines that run counts none of a process that has parted from another.
    """
    if any(name.startswith("COV") for name in os.environ):
        return False
    wanted = command in COMMANDS or start_prepared.cache_info().currsize > 0
    return wanted and start_prepared().variables == find_variables()


def run_prepared(arguments: Sequence[str], limit: float) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, here and with the variables of now.

    :raises subprocess.TimeoutExpired: it has not ended within so many seconds, and was killed.
    """
    requests, answers = start_prepared().process.stdin, start_prepared().process.stdout
    assert requests is not None, "it is a pipe"
    assert answers is not None, "it is a pipe"
    with tempfile.TemporaryDirectory(prefix="prepared-") as folder:
        said = [Path(folder) / name for name in ("stdout", "stderr")]
        for file in said:
            file.touch()
        job = {"arguments": arguments, "variables": dict(os.environ), "folder": str(Path.cwd())}
        requests.write(json.dumps({**job, "said": list(map(str, said)), "limit": limit}) + "\n")
        requests.flush()
        code = json.loads(answers.readline())
        out, err = (file.read_text() for file in said)
    if code is None:
        raise subprocess.TimeoutExpired(list(arguments), limit, out, err)
    return subprocess.CompletedProcess(list(arguments), code, out, err)


def serve(requests: IO[str], answers: IO[str]) -> None:
    """Answer each request, a command in JSON, by its exit code; null where it had to be killed."""
    for name in IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    while line := requests.readline():
        job = json.loads(line)
        limit = job.pop("limit")
        child = os.fork()
        if not child:
            become_command(**job)
        answers.write(json.dumps(wait_for(child, limit)) + "\n")
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


def become_command(arguments: list[str], variables: dict[str, str], folder: str, said: list[str]) -> None:
    """Be what `python -m advsweep` is once it has imported, and end as it does."""
    try:
        for number, file in enumerate([os.devnull, *said]):
            os.dup2(os.open(file, os.O_RDWR | os.O_APPEND), number)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(variables)
        tempfile.tempdir = None
        random.seed()
        sys.path[0], sys.argv[1:] = folder, arguments
        importlib.import_module("orchestrator.cli").main()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)  # it has ended the process, if all is well


if __name__ == "__main__":
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    serve(sys.stdin, output)
