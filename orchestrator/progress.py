"""One live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from orchestrator.estimates import duration
from orchestrator.sweep.state import SweepState
from orchestrator.tradeoff import described

REFRESH = 0.25
LINE_EVERY = 5.0
"""Seconds between plain lines."""


@contextlib.contextmanager
def shown(state: SweepState, total_work: float, console: Console) -> Iterator[None]:
    """Show the state of a sweep while it runs."""
    closing = threading.Event()
    watch = _live if console.is_terminal else _lines
    thread = threading.Thread(target=watch, args=(state, total_work, console, closing), name="display", daemon=True)
    thread.start()
    try:
        yield
    finally:
        closing.set()
        thread.join()


def _live(state: SweepState, total_work: float, console: Console, closing: threading.Event) -> None:
    with Live(_panel(state, total_work), console=console, refresh_per_second=4, transient=True) as live:
        while not closing.wait(REFRESH):
            live.update(_panel(state, total_work))


def _lines(state: SweepState, total_work: float, console: Console, closing: threading.Event) -> None:
    last, shown_at = "", 0.0
    while not closing.wait(REFRESH):
        line = headline(state, total_work)
        if time.monotonic() - shown_at >= LINE_EVERY and line != last:
            console.print(f"[{duration(state.elapsed)}] {line}", markup=False, highlight=False, soft_wrap=True)
            last, shown_at = line, time.monotonic()


def headline(state: SweepState, total_work: float) -> str:
    """`trials 12/240, stages 40/84, ...` in one line."""
    finished, failed = state.counts()
    parts = [f"trials {finished}/{state.trials}", f"jobs {state.jobs_done}/{state.jobs}", f"reused {state.reused}"]
    if failed:
        parts.append(f"failed {failed}")
    if state.failures:
        parts.append(f"failures {state.failures}")
    if state.preemptions:
        parts.append(f"preemptions {state.preemptions}")
    left = state.remaining(total_work)
    parts.append(f"ETA {duration(left)}" if left is not None else "ETA -")
    return ", ".join(parts)


def _panel(state: SweepState, total_work: float) -> Group:
    bar = Padding(ProgressBar(total=max(1, state.jobs), completed=state.jobs_done, width=40), 0)
    running = Table.grid(padding=(0, 2))
    for stage, seconds in state.snapshot():
        running.add_row(f"  {stage.kind}", f"{stage.model.name} seed {stage.seed}", stage.key[:8], duration(seconds))
    best = state.best()
    text = f"best so far: {described(best)}" if best else "best so far: -"
    return Group(Text(headline(state, total_work)), bar, running, Text(text))
