"""W&B beside a sweep: a thread that writes the run of each finished trial, and one that can always be left behind.

Results are durable in Parquet before W&B hears of them. Runs are written offline, whatever the mode; online, a process
of its own sends them under a time limit. Whatever goes wrong, the sweep goes on, it is said once, and nothing is lost.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import filelock

from orchestrator.results.next_command import name_command
from orchestrator.store.sweep_store import SweepStore
from orchestrator.tracking.content import build_trial_run
from orchestrator.tracking.folder import WandbFolder
from orchestrator.tracking.live import Epoch, LiveRun
from orchestrator.tracking.overview import PREFIX, build_sweep_run, hash_overview
from orchestrator.tracking.run_names import make_run_names
from orchestrator.tracking.sender import Sender
from orchestrator.tracking.server import UnreachableError, ask_viewer, redact_key
from orchestrator.tracking.writer import Writer
from tasks.errors import MisplacedError
from tasks.storage.stage_store import StageStore
from tasks.trial.chain import Stage
from tasks.trial.row import Row

CLOSE_LIMIT, HURRIED_LIMIT = 60.0, 10.0
"""Seconds that the end of a sweep waits for W&B; and of one that was interrupted."""
SEND_EVERY, SEND_LIMIT = 30.0, 60.0
"""Seconds between two attempts to send, and those that one may take."""
MOST_FAILURES = 3
"""Runs in a row that could not be written, after which no more are tried."""
LOCK = "writing.lock"
Classes = Callable[[str], Sequence[str]]
"""Trial id -> names of the classes of its data set."""


def has_pending(sweep: SweepStore, finished: Mapping[str, Row], mode: str, *, each_trial: bool = True) -> bool:
    """Whether a launch in this mode has something to write or to send, though every trial is finished.

    :param each_trial: whether a trial has a run of its own.
    """
    folder = WandbFolder(sweep)
    written = folder.written()
    missing = (set(finished) if each_trial else set()) - set(written) or hash_overview(
        list(finished.values())
    ) not in written
    return mode != "disabled" and (bool(missing) or (mode == "online" and bool(folder.sendable())))


class WandbLog:
    """A queue of finished trials and the thread that writes their runs."""

    def __init__(
        self,
        sweep: SweepStore,
        mode: str,
        project: str,
        say: Callable[[str], None],
        classes: Classes = lambda _: (),
        list_trials: Callable[[], Sequence[Row]] = lambda: (),
        *,
        each_trial: bool = True,
    ) -> None:
        """:param mode: `offline`, `online` or `disabled`.
        :param say: shows the user a line; called at most once for each kind of trouble.
        :param list_trials: rows of every trial of the sweep, finished or not: what varies names the runs.
        :param each_trial: whether a trial has a run of its own, beside the run of the sweep.
        """
        self._sweep, self._mode, self._project, self._classes = sweep, mode, project, classes
        self._say, self._list_trials, self._each_trial = say, list_trials, each_trial
        self._said: set[str] = set()
        self._folder = WandbFolder(sweep)
        self._sender: Sender | None = None
        self._queue: queue.Queue[Row | Epoch | None] = queue.Queue()
        self._thread: threading.Thread | None = None
        self._known = set(self._folder.written()) if mode != "disabled" else set()
        self._final: Sequence[Row] = ()
        self._deadline = float("inf")
        self._failures = 0
        self._troubled = 0

    def start(self) -> None:
        """Begin; online, early on, so that a server which cannot be reached is named before hours have passed."""
        if self._mode != "disabled" and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="wandb", daemon=True)
            self._thread.start()

    def add(self, row: Row) -> None:
        """Write the run of a finished trial, some time, where trials have runs."""
        if not self._each_trial:
            self.start()
        elif self._mode != "disabled" and row["trial_id"] not in self._known:
            self._known.add(row["trial_id"])
            self.start()
            self._queue.put(row)

    def add_epoch(self, stage: Stage, entry: Mapping[str, Any]) -> None:
        """Log an epoch of a stage that trains, while the sweep runs."""
        if self._mode != "disabled":
            self.start()
            self._queue.put(Epoch(stage, entry))

    def close(self, rows: Sequence[Row], *, hurried: bool = False) -> None:
        """Write the run of the sweep and wait for what is queued, within limits; what is left comes next time.

        :param rows: every row of the sweep, verdicts included.
        """
        if self._thread is None:
            return
        limit = HURRIED_LIMIT if hurried else CLOSE_LIMIT
        self._final = rows
        self._deadline = time.monotonic() + limit
        self._queue.put(None)
        self._thread.join(limit)
        if self._thread.is_alive():
            if self._sender is not None:
                self._sender.stop()
            self._tell("late", "it did not end in time; the next launch writes what is missing")

    def _tell(self, kind: str, text: str) -> None:
        if kind not in self._said:
            self._said.add(kind)
            self._say(redact_key(f"W&B: {text}"))

    def _run(self) -> None:
        try:
            self._folder.check_links()
            self._folder.path.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(self._folder.path / LOCK, timeout=0):
                self._work()
        except filelock.Timeout:
            self._tell("stopped", "another launch writes the runs of this sweep")
        except MisplacedError as error:
            self._tell("stopped", f"{error}; no run is written or sent")
        except Exception as error:  # nothing about W&B may end a sweep
            self._tell("stopped", f"{type(error).__name__}: {error}; runs are missing, the next launch writes them")

    def _work(self) -> None:
        writer = Writer(self._folder, self._project)
        try:
            self._folder.remember_place(self._project)
            if self._mode == "online":
                self._connect()
            sent_at, live = time.monotonic(), LiveRun(writer, self._sweep)
            while (found := self._queue.get()) is not None:
                if isinstance(found, Epoch):
                    self._attempt(lambda epoch=found: live.log(epoch))  # type: ignore[misc]
                else:
                    self._attempt(lambda row=found: self._write_trial(writer, row))  # type: ignore[misc]
                if time.monotonic() - sent_at > SEND_EVERY:
                    self._send(SEND_LIMIT, live.key)
                    sent_at = time.monotonic()
            self._attempt(live.finish)
            self._attempt(lambda: self._write_sweep(writer))
        finally:
            writer.close()
        self._send(min(SEND_LIMIT, self._deadline - time.monotonic() - 1))
        if self._troubled:
            self._say(f"W&B: {self._troubled} runs could not be written; the next launch tries them again")

    def _attempt(self, write: Callable[[], Any]) -> None:
        """Write a run. One that cannot be written does not keep the others from it; several in a row do."""
        if self._failures >= MOST_FAILURES:
            self._troubled += 1
            return
        try:
            write()
            self._failures = 0
        except Exception as error:
            self._failures += 1
            self._troubled += 1
            self._tell("write", f"a run could not be written: {type(error).__name__}: {error}")

    @cached_property
    def _names(self) -> dict[str, str]:
        """Trial id -> name of its run; made in the thread that writes, once there is something to write."""
        return make_run_names(self._list_trials())

    def _write_trial(self, writer: Writer, row: Row) -> None:
        trial_id = str(row["trial_id"])
        if trial_id not in self._folder.written():  # another launch may have been here since
            name, classes = self._names.get(trial_id, trial_id), self._classes(trial_id)
            writer.write(build_trial_run(row, StageStore(self._sweep.storage), name, classes))

    def _write_sweep(self, writer: Writer) -> None:
        written, key = self._folder.written(), hash_overview(self._final)
        if not self._final or key in written:
            return
        with build_sweep_run(self._sweep, self._final, self._names) as content:
            writer.write(content)
        sent = self._folder.sent()
        for old in written:
            if old.startswith(PREFIX) and old not in sent:
                writer.discard(old)

    def _connect(self) -> None:
        try:
            ask_viewer()
            self._sender = Sender(self._folder)
        except UnreachableError as error:
            self._tell("server", self._kept(str(error)))

    def _send(self, seconds: float, unfinished: str | None = None) -> None:
        """Send what is whole; after the first attempt that fails no other is made.

        :param unfinished: a run that is still being written, sent as far as it is.
        """
        if self._sender is None:
            return
        outcome = self._sender.send(max(0.0, seconds), unfinished=unfinished)
        if outcome.error:
            self._sender = None
            self._tell("server", self._kept(outcome.error))

    def _kept(self, reason: str) -> str:
        again = name_command("wandb sync", self._sweep)
        return f"{reason}; the runs are kept in {self._folder.path}, `{again}` sends them"
