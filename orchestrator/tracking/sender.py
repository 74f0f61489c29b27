"""Send runs that were written offline, with `wandb sync` in a process of its own that can be ended at any moment.

Its exit code and its own marks of what is synced do not tell: it ends with 0 and marks a run whose upload was refused.
What it prints and what it logs do tell, so the list of sent runs is made from those. To send a run again changes
nothing: its id and the places of its rows are the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import filelock

from orchestrator.processes import start_python
from orchestrator.tracking.folder import WandbFolder, run_id
from orchestrator.tracking.server import redact_key, redact_url
from tasks.temporary import use_temporary_folder

LOCK = "sending.lock"
BATCH = 50
"""Runs for one process: what is sent is noted after each."""
POLL = 0.1
FINISHED = re.compile(r"Finished syncing")
ERROR = re.compile(r"\bERROR\b|^Error:")
DETAILS = "Find detailed error logs at"


@dataclass
class Sent:
    """What came of an attempt to send."""

    keys: list[str] = field(default_factory=list)
    """Runs that the server now has."""
    error: str | None = None
    """Why not all were sent."""


class Sender:
    """Sends what is pending in one folder."""

    def __init__(self, folder: WandbFolder) -> None:
        self._folder = folder
        self._stop = threading.Event()

    def stop(self) -> None:
        """End an attempt that is under way, from another thread."""
        self._stop.set()

    def send(
        self, seconds: float, told: Callable[[int, int], None] | None = None, *, unfinished: str | None = None
    ) -> Sent:
        """Send every whole run that the server does not have; nothing while another process sends.

        :param seconds: the time that all of it may take.
        :param told: how many are sent, and how many there are, after each batch.
        :param unfinished: key of a run that is still being written: it is sent as far as it is, and again once whole.
        :raises MisplacedError: a link there leads out of the storage: nothing is read or written through it.
        """
        end = time.monotonic() + seconds
        self._folder.check_links()
        try:
            with filelock.FileLock(self._folder.path / LOCK, timeout=0):
                outcome = self._send(end, told)
                if unfinished and not outcome.error:
                    self._batch([unfinished], end)  # cut short, which the library says; the whole run follows
                return outcome
        except filelock.Timeout:
            return Sent(error="another process sends these runs now")

    def _send(self, end: float, told: Callable[[int, int], None] | None) -> Sent:
        keys = self._folder.sendable()
        outcome = Sent()
        for first in range(0, len(keys), BATCH):
            sent = self._batch(keys[first : first + BATCH], end)
            self._folder.add_sent(sent.keys)
            outcome.keys += sent.keys
            if told:
                told(len(outcome.keys), len(keys))
            if sent.error:
                outcome.error = sent.error
                break
        return outcome

    def _batch(self, keys: Sequence[str], end: float) -> Sent:
        folders = [folder for key in keys if (folder := self._folder.run_folder(key))]
        self._folder.check_links(folders)
        logs = set(self._logs())
        with tempfile.TemporaryFile() as output, use_temporary_folder() as elsewhere:
            process = start_python(
                "wandb",
                ["sync", "--yes", "--include-synced", *map(str, folders)],
                folder=Path(elsewhere),  # in the storage there may be modules and settings of a stranger
                environment=_build_environment(self._folder) | {"TMPDIR": str(elsewhere)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            in_time = self._waited(process, end)
            output.seek(0)
            text = output.read().decode(errors="replace")
        text += "".join(map(read_logged_errors, set(self._logs()) - logs))
        ids = {run_id(self._folder.sweep.sweep_id, key): key for key in keys}
        sent = parse_output(text, ids)
        if not in_time:  # what a client that is being killed still says of it ("context canceled") is no reason
            sent.error = f"{redact_url()} did not take the runs in time" + (f" ({sent.error})" if sent.error else "")
        elif process.returncode and not sent.error:
            sent.error = f"wandb sync ended with exit code {process.returncode}"
        elif len(sent.keys) < len(keys) and not sent.error:
            sent.error = f"wandb sync left out {len(keys) - len(sent.keys)} runs"
        return sent

    def _logs(self) -> list[Path]:
        return sorted(self._folder.path.glob("wandb/logs/debug-sync.*.log"))

    def _waited(self, process: subprocess.Popen[bytes], end: float) -> bool:
        """Whether the process ended by itself; otherwise it and everything it started are killed."""
        try:
            while process.poll() is None:
                if self._stop.is_set() or time.monotonic() > end:
                    return False
                time.sleep(POLL)
            return True
        finally:
            _kill_group(process)


def read_logged_errors(file: Path) -> str:
    """The errors in a log of `wandb sync`, in the form in which it prints others: a refused file is only told here."""
    found = ""
    for line in file.read_text(errors="replace").splitlines():
        with contextlib.suppress(ValueError):
            entry = json.loads(line)
            if entry.get("level") == "ERROR":
                found += f"\nERROR {Path(entry.get('sync_path', '')).stem}: {entry.get('msg')}"
    return found


def parse_output(text: str, ids: dict[str, str]) -> Sent:
    """What `wandb sync` has printed: a run is sent if it was finished and no error was printed about it.

    :param ids: run id -> key.
    """
    finished: dict[str, None] = {}
    failed: set[str] = set()
    errors: list[str] = []
    for line in text.splitlines():
        named = [key for identity, key in ids.items() if identity in line]
        if DETAILS in line:
            continue
        if ERROR.search(line):
            errors.append(redact_key(line.removeprefix("wandb: ").strip()))
            failed |= set(named or ids.values())  # an error about no run in particular is about all of them
        elif FINISHED.search(line):
            finished |= dict.fromkeys(named)
    return Sent([key for key in finished if key not in failed], errors[0] if errors else None)


def _build_environment(folder: WandbFolder) -> dict[str, str]:
    """The user's own settings, less those that would end in another place or mode."""
    kept = {name: value for name, value in os.environ.items() if name not in ("WANDB_MODE", "WANDB_SERVICE")}
    return {**kept, **folder.environment(), "WANDB_SILENT": "false", "COLUMNS": "1000"}


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):  # it and all that it started have ended
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
