"""One live display on a terminal, plain lines elsewhere: of a sweep of this process, or of any in a storage."""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.live import Live

from orchestrator.run.state import SweepState
from orchestrator.status.display import ResizeGuard, build_panel, format_best, format_counts, format_eta, format_running
from orchestrator.text import format_duration, say

REFRESH = 0.25
LINE_EVERY = 5.0
"""Seconds between plain lines, at least."""
QUIET = 15.0
"""Seconds after which there is a line even if nothing has changed."""
SLOW = 60.0
"""Seconds after which a first epoch that has not ended is slow where other work keeps the CPUs busy."""
NICENESS = "RAY_worker_niceness"
STARVED = (
    "  a first epoch takes long: other work keeps the CPUs of this machine busy, and Ray's workers get what it leaves; "
    f"{NICENESS}=0 before the launch has them share alike"
)


@contextlib.contextmanager
def show_progress(state: SweepState, console: Console) -> Iterator[None]:
    """Show the state of a sweep while it runs."""
    closing = threading.Event()
    watch = _draw_live if console.is_terminal else _print_lines
    thread = threading.Thread(target=watch, args=(state, console, closing), name="display", daemon=True)
    thread.start()
    try:
        yield
    finally:
        closing.set()
        thread.join()


@contextlib.contextmanager
def report_waiting(console: Console, words: str) -> Iterator[None]:
    """Say every `QUIET` seconds what goes on meanwhile, where nothing else is said."""
    over, since = threading.Event(), time.monotonic()

    def speak() -> None:
        while not over.wait(QUIET):
            say(console, f"[{format_duration(time.monotonic() - since)}] {words}")

    thread = threading.Thread(target=speak, name="waiting", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _draw_live(state: SweepState, console: Console, closing: threading.Event) -> None:
    guard = ResizeGuard(console)
    with Live(build_panel(state.collect_facts()), console=console, auto_refresh=False, transient=True) as live:
        while not closing.wait(REFRESH):
            guard.clear_if_resized()
            live.update(build_panel(state.collect_facts()), refresh=True)


def _print_lines(state: SweepState, console: Console, closing: threading.Event) -> None:
    lines = PlainLines(state, console)
    while not closing.wait(REFRESH):
        lines.look(time.monotonic())


class PlainLines:
    """Prints how far a sweep is when that has changed, and what runs when nothing was printed for long."""

    def __init__(self, state: SweepState, console: Console) -> None:
        self._state, self._console = state, console
        self._last, self._best = "", None
        self._shown_at: float | None = None
        self._warned = NICENESS in os.environ

    def look(self, now: float) -> None:
        """Print a line, if it is time for one.

        :param now: seconds of a clock that only goes on.
        """
        age = math.inf if self._shown_at is None else now - self._shown_at
        if age < LINE_EVERY:
            return
        facts = self._state.collect_facts()
        counts, eta = format_counts(facts), format_eta(facts) or "ETA -"
        if counts == self._last and age < QUIET:
            return
        runs = f"; {format_running(facts)}" if counts == self._last or self._shown_at is None else ""
        say(self._console, f"[{format_duration(self._state.elapsed)}] {counts}, {eta}{runs}")
        self._last, self._shown_at = counts, now
        if not self._warned and _is_starved(facts):
            say(self._console, STARVED)
            self._warned = True
        if facts["best"] != self._best:
            say(self._console, f"  {format_best(facts)}")
            self._best = facts["best"]


def _is_starved(facts: Mapping[str, Any]) -> bool:
    """Whether a first epoch goes on and on, and twice as many processes want to compute as there are CPUs."""
    slow = any(entry.get("epochs") and not entry.get("epoch") and entry["seconds"] > SLOW for entry in facts["running"])
    return slow and os.getloadavg()[0] > 2 * (os.cpu_count() or 1)
