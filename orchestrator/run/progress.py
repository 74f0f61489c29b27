"""One live display on a terminal, plain lines elsewhere: of a sweep of this process, or of any in a storage."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

from rich.console import Console
from rich.live import Live

from orchestrator.run.state import SweepState
from orchestrator.status.display import ResizeGuard, build_panel, format_best, format_headline
from orchestrator.text import format_duration, say

REFRESH = 0.25
LINE_EVERY = 5.0
"""Seconds between plain lines."""


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


def _draw_live(state: SweepState, console: Console, closing: threading.Event) -> None:
    guard = ResizeGuard(console)
    with Live(build_panel(state.collect_facts()), console=console, auto_refresh=False, transient=True) as live:
        while not closing.wait(REFRESH):
            guard.clear_if_resized()
            live.update(build_panel(state.collect_facts()), refresh=True)


def _print_lines(state: SweepState, console: Console, closing: threading.Event) -> None:
    last, best, shown_at = "", None, 0.0
    while not closing.wait(REFRESH):
        if time.monotonic() - shown_at < LINE_EVERY:
            continue
        facts = state.collect_facts()
        line = format_headline(facts)
        if line != last:
            say(console, f"[{format_duration(state.elapsed)}] {line}")
            last, shown_at = line, time.monotonic()
        if facts["best"] != best:
            say(console, f"  {format_best(facts)}")
            best = facts["best"]
