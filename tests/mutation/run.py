"""Applies mutations to a copy of the tree and says what the tests made of each."""

from __future__ import annotations

import compileall
import contextlib
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.mutation.catalog import Mutation
from tests.support.checkout import ROOT

NEEDED = (
    "advsweep", "orchestrator", "tasks", "search_spaces", "tests", "docs", "examples", "pyproject.toml", "README.md",
    "CHANGELOG.md", "CONTRIBUTING.md", "cluster.yaml", "constraints.txt",
)  # fmt: skip
"""What is copied."""
OWN = ("advsweep", "orchestrator", "tasks")
LIMIT = 180.0
"""Seconds that the tests of one mutation may take: many times what they need on a machine with nothing else to do."""
PASSED, FAILED, INTERRUPTED = 0, 1, 2
"""Exit codes of pytest; a file that cannot be imported any more interrupts it."""


KILLED, SURVIVED, TIMED_OUT, ERROR = "killed", "survived", "timed out", "error"
"""What can become of a mutation: a test fails; none does; the time was up, alone too; nothing can be said.

A time that is up says that a loop has no end, or that the machine is slow: it is no test that noticed something.
"""


@dataclass(frozen=True)
class Outcome:
    """What became of one mutation."""

    mutation: Mutation
    state: str
    seconds: float
    problem: str = ""
    """Why nothing can be said; empty where something can."""


class Worker:
    """A copy of the tree, and the process that runs tests on it."""

    def __init__(self, folder: Path) -> None:
        copied = folder / "tree"
        copied.mkdir()
        for name in NEEDED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, copied / name)
            else:
                shutil.copy2(ROOT / name, copied / name)
        for name in OWN:
            compileall.compile_dir(copied / name, quiet=2)  # or every process would compile all of it again
        environment = {**os.environ, "PYTHONPATH": str(copied), "OMP_NUM_THREADS": "1"}
        for name in [name for name in environment if name.startswith(("PYTEST_", "COV_"))]:
            del environment[name]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.mutation.worker"],
            cwd=copied, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ask(self, mutation: Mutation | None, tests: Sequence[str]) -> dict[str, Any]:
        """Run tests on the copy with a mutation; null: as it is."""
        text = mutation.apply(ROOT) if mutation else None
        job = {"file": mutation and mutation.file, "text": text, "tests": tests, "limit": LIMIT}
        assert self._process.stdin is not None, "it is a pipe"
        assert self._process.stdout is not None, "it is a pipe"
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def open_worker() -> Iterator[Worker]:
    """A worker, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="advsweep-mutation-") as folder:
        worker = Worker(Path(folder))
        try:
            yield worker
        finally:
            worker.close()


def run_mutations(mutations: Sequence[Mutation], jobs: int = 1, *, baseline: bool = True) -> Iterator[Outcome]:
    """The outcome of each, as they come; one whose tests take too long is run once more at the end, alone.

    :param jobs: copies that are worked on at the same time.
    :param baseline: run each set of tests without a mutation first: what fails then says nothing.
    """
    groups: dict[tuple[str, ...], list[Mutation]] = {}
    for mutation in mutations:
        groups.setdefault(mutation.tests, []).append(mutation)
    waiting: queue.SimpleQueue[list[Mutation]] = queue.SimpleQueue()
    for group in groups.values():
        waiting.put(group)
    found: queue.SimpleQueue[Outcome | None] = queue.SimpleQueue()

    def work() -> None:
        try:
            with open_worker() as worker, contextlib.suppress(queue.Empty):
                while True:
                    _judge_group(worker, waiting.get_nowait(), found, baseline=baseline)
        finally:
            found.put(None)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(jobs, len(groups)))]
    for thread in threads:
        thread.start()
    left, late = len(threads), list[Mutation]()
    while left:
        outcome = found.get()
        if outcome is None:
            left -= 1
        elif outcome.state == TIMED_OUT:
            late.append(outcome.mutation)
        else:
            yield outcome
    if late:
        with open_worker() as worker:
            yield from (judge(mutation, worker.ask(mutation, mutation.tests)) for mutation in late)


def _judge_group(
    worker: Worker, group: Sequence[Mutation], found: queue.SimpleQueue[Outcome | None], *, baseline: bool
) -> None:
    """:param group: mutations with the same tests."""
    first = worker.ask(None, group[0].tests) if baseline else {"code": PASSED, "in_time": True}
    for mutation in group:
        if not first["in_time"] or first["code"] != PASSED:
            what = "fail" if first["in_time"] else f"take more than {LIMIT:g} s"
            found.put(Outcome(mutation, ERROR, 0.0, f"its tests {what} without it: {first['tail']}"))
        else:
            found.put(judge(mutation, worker.ask(mutation, mutation.tests)))


def judge(mutation: Mutation, answer: Mapping[str, Any]) -> Outcome:
    """What the answer of a worker says of a mutation."""
    code, seconds = answer["code"], answer["seconds"]
    if not answer["in_time"]:
        return Outcome(mutation, TIMED_OUT, seconds)
    if code == PASSED:
        return Outcome(mutation, SURVIVED, seconds)
    if code in (FAILED, INTERRUPTED) or code < 0:
        return Outcome(mutation, KILLED, seconds)
    return Outcome(mutation, ERROR, seconds, f"pytest ended with {code}: {answer['tail']}")
