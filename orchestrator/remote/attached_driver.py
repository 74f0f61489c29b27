"""A driver on the head for as long as this process is connected by Ray's client (`ray://`)."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from typing import Any

import tenacity
from rich.console import Console

from orchestrator.cluster.address import Address, check_answers
from orchestrator.cluster.connect import explain_joining_problem
from orchestrator.cluster.private_ray import QUIET
from orchestrator.cluster.survey import HEAD
from orchestrator.processes import make_python_command, with_safe_imports
from orchestrator.remote.keeper import keep
from orchestrator.remote.submission import JobSubmission
from orchestrator.text import say
from tasks.errors import UsageError

BESIDE = {HEAD: 0.001}
"""The driver runs on the one node that a sweep cannot lose."""
ATTEMPTS = 3
"""The head starts a process for each client, and Ray gives a busy one half a minute for it and no second chance."""
PATIENCE = 1.0
"""Seconds that a question for new lines waits on the head."""


class AttachedDriver:
    """An actor on the head whose child is the same command line as anywhere else."""

    def __init__(self, arguments: Sequence[str], gcs_address: str) -> None:
        self._process = subprocess.Popen(
            [*make_python_command("advsweep"), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env=with_safe_imports(os.environ) | {"RAY_ADDRESS": gcs_address, "PYTHONUNBUFFERED": "1"},
        )
        self._lines: list[str] = []
        self._ended = False
        self._news = threading.Condition()
        threading.Thread(target=self._collect, daemon=True).start()
        # the actor ends with the connection, at once and without a word: its child is then asked to end in order
        self._keeper = keep(self._process.pid)

    def _collect(self) -> None:
        assert self._process.stdout is not None, "it was opened as a pipe"
        for line in self._process.stdout:
            with self._news:
                self._lines.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def read(self, seen: int) -> tuple[list[str], int | None]:
        """The lines after those that were seen, and the exit code once there will be no more.

        Whoever asks says what it has: an answer that Ctrl-C threw away is given again.
        """
        with self._news:
            self._news.wait_for(lambda: self._ended or len(self._lines) > seen, PATIENCE)
            return self._lines[seen:], self._process.wait() if self._ended else None

    def interrupt(self) -> None:
        """Ctrl-C, on the head."""
        self._process.send_signal(signal.SIGTERM)


def run_attached(submission: JobSubmission, address: Address, console: Console) -> int:
    """Run a sweep's driver on the head and show what it prints; Ctrl-C interrupts it. Returns its exit code.

    :raises UsageError: no Ray client server answers at the address.
    """
    check_answers(address)
    import ray

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    connecting = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(ConnectionAbortedError),
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        reraise=True,
    )
    try:
        connecting(ray.init, address=address.text, runtime_env=submission.environment, **QUIET)
    except Exception as error:  # Ray's client raises gRPC's own errors too
        raise UsageError(f"--address {address.text}: {explain_joining_problem(error)}") from error
    try:
        gcs_address = ray.get(ray.remote(num_cpus=0, resources=BESIDE)(_find_gcs_address).remote())
        actor = ray.remote(num_cpus=0, resources=BESIDE, max_concurrency=2)(AttachedDriver)
        return relay_output(actor.remote(submission.arguments, gcs_address), console)
    finally:
        ray.shutdown()


def relay_output(driver: Any, console: Console) -> int:
    """Show what a driver on the head prints, and hand Ctrl-C on to it; returns its exit code."""
    import ray

    code: int | None = None
    seen = 0
    while code is None:
        try:
            lines, code = ray.get(driver.read.remote(seen))
        except KeyboardInterrupt:
            driver.interrupt.remote()
            continue
        seen += len(lines)
        for line in lines:
            say(console, line)
    return code


def _find_gcs_address() -> str:
    import ray

    address: str = ray.get_runtime_context().gcs_address
    return address
