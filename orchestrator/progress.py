"""One live display on a terminal, plain lines elsewhere: of a sweep of this process, or of any in a storage."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from orchestrator.estimates import duration
from orchestrator.sweep.state import SweepState

REFRESH = 0.25
LINE_EVERY = 5.0
"""Seconds between plain lines."""
MOST_RUNNING = 20
"""Stages that a display lists; of the others it says how many there are."""


@contextlib.contextmanager
def shown(state: SweepState, console: Console) -> Iterator[None]:
    """Show the state of a sweep while it runs."""
    closing = threading.Event()
    watch = _live if console.is_terminal else _lines
    thread = threading.Thread(target=watch, args=(state, console, closing), name="display", daemon=True)
    thread.start()
    try:
        yield
    finally:
        closing.set()
        thread.join()


def _live(state: SweepState, console: Console, closing: threading.Event) -> None:
    with Live(panel(state.facts()), console=console, refresh_per_second=4, transient=True) as live:
        while not closing.wait(REFRESH):
            live.update(panel(state.facts()))


def _lines(state: SweepState, console: Console, closing: threading.Event) -> None:
    last, shown_at = "", 0.0
    while not closing.wait(REFRESH):
        if time.monotonic() - shown_at < LINE_EVERY:
            continue
        line = headline(state.facts())
        if line != last:
            console.print(f"[{duration(state.elapsed)}] {line}", markup=False, highlight=False, soft_wrap=True)
            last, shown_at = line, time.monotonic()


def headline(facts: Mapping[str, Any]) -> str:
    """`trials 12/240, jobs 40/84, ...` in one line."""
    parts = [f"trials {facts['finished']}/{facts['trials']}", f"jobs {facts['jobs_done']}/{facts['jobs']}"]
    parts.append(f"reused {facts['reused']}")
    for name, words in (("failed", "failed"), ("failures", "failures"), ("preemptions", "preemptions")):
        if facts[name]:
            parts.append(f"{words} {facts[name]}")
    left = facts["eta_seconds"]
    parts.append(f"ETA {duration(left)}" if left is not None else "ETA -")
    return ", ".join(parts)


def running_lines(facts: Mapping[str, Any], older: float = 0.0) -> list[list[str]]:
    """Cells for each stage that runs: kind, model and seed, key, where, for how long.

    :param older: seconds since the facts were true.
    """
    return [
        [
            entry["stage"],
            f"{entry['model']} seed {entry['seed']}",
            entry["key"][:8],
            entry["where"],
            duration(entry["seconds"] + older),
        ]
        for entry in facts["running"]
    ]


def panel(facts: Mapping[str, Any], older: float = 0.0) -> Group:
    """The live display of one sweep."""
    bar = Padding(ProgressBar(total=max(1, facts["jobs"]), completed=facts["jobs_done"], width=40), 0)
    running = Table.grid(padding=(0, 2))
    lines = running_lines(facts, older)
    for cells in lines[:MOST_RUNNING]:
        running.add_row(f"  {cells[0]}", *map(Text, cells[1:]))
    if len(lines) > MOST_RUNNING:
        running.add_row(f"  and {len(lines) - MOST_RUNNING} more")
    return Group(Text(headline(facts)), bar, running, Text(f"best so far: {facts['best'] or '-'}"))
