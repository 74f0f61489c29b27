"""A command in a process of its own, with the most memory that it has held.

It parts from a process that has imported what these commands need, and not from the prepared one: what that has
imported would count as memory of the command.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.checkout import ROOT
from tests.support.harness import LIMIT
from tests.support.lent_vega import lend_vega
from tests.support.parted_roles import become_command

IMPORTED = (
    "duckdb", "jinja2", "numpy.testing", "PIL.Image", "psutil", "pyarrow.dataset", "scipy.stats",
    "typer._click.decorators", "orchestrator.cli.app", "orchestrator.cli.report", "orchestrator.cli.results",
    "orchestrator.cli.status", "orchestrator.report.write", "orchestrator.results.query", "orchestrator.status.watch",
)  # fmt: skip


def run_measured(*arguments: str | Path) -> tuple[int, str, float]:
    """Exit code, everything that was printed, and the megabytes of the process at its largest.

    :raises subprocess.TimeoutExpired: it has not ended, and was killed.
    """
    if arguments[0] == "report":
        lend_vega(os.environ)
    server = start_server()
    assert server.stdin is not None, "it is a pipe"
    assert server.stdout is not None, "it is a pipe"
    with tempfile.NamedTemporaryFile() as said:
        job = {
            "words": list(map(str, arguments)),
            "variables": dict(os.environ),
            "folder": str(Path.cwd()),
            "said": said.name,
        }
        server.stdin.write(json.dumps(job) + "\n")
        server.stdin.flush()
        code, peak = json.loads(server.stdout.readline())
        shown = Path(said.name).read_text()
    if code is None:
        raise subprocess.TimeoutExpired(list(map(str, arguments)), LIMIT, shown)
    return code, shown, peak


@functools.cache
def start_server() -> subprocess.Popen[str]:
    """The process that the others part from; it ends with this one."""
    command = [sys.executable, "-m", "tests.support.bounded"]
    server = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(server.kill)
    return server


def serve() -> None:
    """Answer each request, a command in JSON: by its exit code, null where it had to be killed, and its megabytes."""
    for name in IMPORTED:
        importlib.import_module(name)
    for line in sys.stdin:
        job = json.loads(line)
        said = job.pop("said")
        child = os.fork()
        if not child:
            out = os.open(said, os.O_WRONLY)
            streams = (os.open(os.devnull, os.O_RDONLY), out, os.dup(out))
            become_command(streams, **job)
        sys.stdout.write(json.dumps(wait_for(child)) + "\n")
        sys.stdout.flush()


def wait_for(child: int) -> tuple[int | None, float]:
    """The exit code of a child, null where it was killed because the time was up, and the megabytes that it held."""
    until = time.monotonic() + LIMIT
    in_time = True
    while True:
        ended, status, usage = os.wait4(child, os.WNOHANG)
        if ended:
            return (os.waitstatus_to_exitcode(status) if in_time else None), usage.ru_maxrss / 1000
        if in_time and time.monotonic() > until:
            in_time = False
            os.kill(child, signal.SIGKILL)
        time.sleep(0.02)


if __name__ == "__main__":
    serve()
