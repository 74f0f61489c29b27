"""Runs tests on a copy of the tree, a process for each mutation: `python -m tests.mutation.worker`, from the copy.

What the tests import from libraries is imported once, before the processes part: each then takes as long as its tests.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

LIBRARIES = (
    "torch", "torchvision", "torch.fx.experimental.optimization", "torch.func", "numpy", "scipy.stats",
    "pyarrow.parquet", "pyarrow.dataset", "pydantic", "typer.testing", "rich.console", "hypothesis", "pytest",
    "_pytest.assertion.rewrite", "PIL.Image", "sklearn.datasets", "duckdb", "jinja2", "safetensors.torch",
    "filelock", "psutil", "tenacity", "yaml", "torch_pruning", "ray.tune",
)  # fmt: skip
"""What most tests import."""
HERE = "not cluster and not fault"
"""Tests that need nothing but this process, slow ones too: a file names few."""
OWN = ("advsweep", "orchestrator", "tasks", "tests")


def main() -> None:
    """Answer each line of standard input, a job in JSON, by one line of standard output."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    gc.disable()  # nothing of what is imported is garbage
    with importlib.import_module("tasks.without_compiler").replace_compiler():
        for name in LIBRARIES:
            importlib.import_module(name)
    gc.freeze()
    gc.enable()
    for name in [name for name in sys.modules if name.split(".")[0] in OWN]:
        del sys.modules[name]
    for number, line in enumerate(sys.stdin):
        print(json.dumps(_run_job(json.loads(line), number)), file=out, flush=True)


def _run_job(job: dict[str, Any], number: int) -> dict[str, Any]:
    """:param job: `file` and its `text`, null where nothing is changed; `tests`; `limit` in seconds."""
    if job["file"] is None:
        return run_tests(job["tests"], job["limit"])
    file = Path(job["file"])
    before, times = file.read_bytes(), file.stat()
    file.write_text(job["text"])
    os.utime(file, (times.st_atime, times.st_mtime + 10 + number))  # compiled code of another text never counts
    try:
        return run_tests(job["tests"], job["limit"])
    finally:
        file.write_bytes(before)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def run_tests(tests: list[str], limit: float) -> dict[str, Any]:
    """The exit code of pytest, whether it ended in time, and the end of what it said."""
    begun = time.monotonic()
    with tempfile.TemporaryFile() as said:
        child = os.fork()
        if not child:
            become_pytest(tests, said.fileno())
        code, in_time = _wait(child, begun + limit)
        said.seek(0)
        tail = said.read().decode(errors="replace")[-1500:]
    return {"code": code, "in_time": in_time, "seconds": time.monotonic() - begun, "tail": tail}


class QuickFirst:
    """A plugin of pytest: mostly a quick test has noticed a mistake before a slow one is asked."""

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


def become_pytest(tests: list[str], out: int) -> None:
    os.setsid()
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    import pytest

    code = 3
    with contextlib.suppress(BaseException):
        words = ["-x", "-q", "-n0", "-p", "no:cacheprovider", "--no-header", "-m", HERE, *tests]
        code = int(pytest.main(words, plugins=[QuickFirst()]))
    sys.stdout.flush()
    os._exit(code)


def _wait(child: int, until: float) -> tuple[int, bool]:
    """The exit code of a child, negative for a signal, and whether it ended by itself; all it started is killed."""
    ended, status = os.waitpid(child, os.WNOHANG)
    while not ended and time.monotonic() < until:
        time.sleep(0.02)
        ended, status = os.waitpid(child, os.WNOHANG)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if not ended:
        os.kill(child, signal.SIGKILL)  # if it has no group of its own yet
        _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), bool(ended)


if __name__ == "__main__":
    main()
