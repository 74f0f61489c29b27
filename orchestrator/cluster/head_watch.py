"""A head that is gone ends the sweep with a message, and so does the part of Ray on the driver's own machine.

Ray's own calls would hang, uninterruptible, until Ray aborts the process after a minute. So a thread watches whether
the head can be reached, and it ends the process itself: what the main thread waits for will never come. A head that
comes back without its state makes Ray abort the process at once, so a shell waits beside it with the last words.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import psutil
import ray

from tasks.environment import read_number

TIMEOUT_VARIABLE = "ADVSWEEP_HEAD_TIMEOUT"
"""Environment variable: seconds for which the head of the cluster may be out of reach."""
DEFAULT_TIMEOUT = 30.0
"""Long enough for a head that keeps its state to come back."""
LONGEST_TIMEOUT = 50.0
"""After 60 s Ray aborts the process."""
LAST_WORDS = (
    "error: the driver was ended from outside, or by Ray because the head of its cluster was lost or restarted; "
    "nothing finished is lost: the same command continues"
)
INTERVAL = 1.0
"""Seconds between two looks."""
CONNECT_TIMEOUT = 2.0
"""Seconds that a connection may take."""
RAYLET = "raylet"
"""The process of Ray that starts workers on a machine. Without it nothing will run, and Ray's calls wait for ever."""
GONE = 5.0
"""Seconds for which it may be gone before the sweep ends: Ray itself may end the process in order meanwhile."""


class HeadWatch:
    """Looks whether the head of the cluster can be reached, and whether a private Ray's own process is there."""

    def __init__(
        self,
        address: str,
        timeout: float,
        on_lost: Callable[[str], None],
        raylets: Sequence[psutil.Process] = (),
    ) -> None:
        """:param address: `host:port` of the cluster's control service.
        :param on_lost: called with one line that says what is lost, in the thread of the watch.
        :param raylets: processes without which nothing will run.
        """
        self._address = address
        self._timeout = timeout
        self._on_lost = on_lost
        self._raylets = raylets
        self._closing = threading.Event()

    def watch(self) -> None:
        """Look until `close`, or until the head has been away for too long."""
        answered = whole = time.monotonic()
        while not self._closing.wait(INTERVAL):
            now = time.monotonic()
            answered = now if self._can_connect() else answered
            whole = now if all(map(is_alive, self._raylets)) else whole
            if now - answered > self._timeout:
                self._on_lost(f"the head of the cluster, {self._address}, has not answered for {self._timeout:g} s")
                return
            if now - whole > GONE:
                self._on_lost("the process of Ray that runs stages on this machine has ended")
                return

    def _can_connect(self) -> bool:
        host, _, port = self._address.rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_TIMEOUT):
                return True
        except OSError:
            return False

    def close(self) -> None:
        """Look no more."""
        self._closing.set()


@contextmanager
def watch_head(on_lost: Callable[[str], None]) -> Iterator[None]:
    """Watch the head of the cluster that this process has joined.

    :param on_lost: called with one line that says that the head is gone, in a thread of the watch.
    :raises UsageError: the environment variable is not a number of seconds.
    """
    address, timeout = ray.get_runtime_context().gcs_address, get_head_timeout()
    with _write_if_killed(LAST_WORDS) as silence:

        def report_loss(reason: str) -> None:
            silence()
            on_lost(reason)

        watch = HeadWatch(address, timeout, report_loss, find_raylets())
        threading.Thread(target=watch.watch, name="head", daemon=True).start()
        try:
            yield
        finally:
            watch.close()


def find_raylets() -> list[psutil.Process]:
    """The raylet of a private Ray: a child of this process."""
    return [child for child in psutil.Process().children() if child.name() == RAYLET]


def is_alive(process: psutil.Process) -> bool:
    """Whether a process runs still; one that has ended and was not waited for does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def _write_if_killed(text: str) -> Iterator[Callable[[], None]]:
    """Have a text written to stderr if this process dies inside; yields what makes it silent."""
    shell = subprocess.Popen(
        ["sh", "-c", 'read word || printf "%s\\n" "$0" >&2', text], stdin=subprocess.PIPE, start_new_session=True
    )

    def silence() -> None:
        with contextlib.suppress(OSError, ValueError):  # it is gone, or was silenced by the other thread
            shell.communicate(b"done\n")

    try:
        yield silence
    finally:
        silence()


def get_head_timeout() -> float:
    """Seconds for which the head may be out of reach.

    :raises UsageError: the environment variable is no such number.
    """
    return read_number(TIMEOUT_VARIABLE, DEFAULT_TIMEOUT, "seconds", positive=True, largest=LONGEST_TIMEOUT)
