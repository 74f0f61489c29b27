"""What a running sweep looks like in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from orchestrator.text import format_duration
from tasks.printable import make_printable

MOST_RUNNING = 20
"""Stages that a display lists; of the others it says how many there are."""


MOST_NAMED = 2
"""Stages that a line names."""


class ResizeGuard:
    """Clears the screen of a live display whose terminal was made narrower or wider: lines that the terminal has broken
    anew are not where the display would overwrite them."""

    def __init__(self, console: Console) -> None:
        self._console, self._width = console, console.width

    def clear_if_resized(self) -> None:
        """Call before each refresh."""
        if self._console.width != self._width:
            self._width = self._console.width
            self._console.clear()


def format_headline(facts: Mapping[str, Any]) -> str:
    """`trials 12/240, jobs 40/84, ..., ETA 5 s` in one line."""
    return f"{format_counts(facts)}, {format_eta(facts) or 'ETA -'}"


def format_counts(facts: Mapping[str, Any]) -> str:
    """The same without the time that is left, so that it changes when something has ended."""
    parts = [f"trials {facts['finished']}/{facts['trials']}", f"jobs {facts['jobs_done']}/{facts['jobs']}"]
    parts.append(f"reused {facts['reused']}")
    for name, words in (("failed", "failed"), ("failures", "failures"), ("preemptions", "preemptions")):
        if facts[name]:
            parts.append(f"{words} {facts[name]}")
    return ", ".join(parts)


def format_eta(facts: Mapping[str, Any]) -> str | None:
    """`ETA 1 min 30 s`, or `ETA at least ...` where there are jobs of which nothing is known; null where nothing is."""
    left = facts["eta_seconds"]
    if left is None:
        return None
    return f"ETA {'at least ' if facts.get('eta_is_least') else ''}{format_duration(left)}"


def list_running(facts: Mapping[str, Any], older: float = 0.0) -> list[list[str]]:
    """Cells for each stage that runs: kind, what makes it, how far, key, where, for how long.

    :param older: seconds since the facts were true.
    """
    return [
        [
            entry["stage"],
            ", ".join(filter(None, [f"{entry['model']} seed {entry['seed']}", entry.get("what")])),
            _format_epoch(entry),
            entry["key"][:8],
            entry["where"],
            format_duration(entry["seconds"] + older),
        ]
        for entry in facts["running"]
    ]


def _format_epoch(entry: Mapping[str, Any]) -> str:
    return f"epoch {entry.get('epoch') or 0}/{entry['epochs']}" if entry.get("epochs") else ""


def format_running(facts: Mapping[str, Any]) -> str:
    """What runs now, in one line: `runs train resnet8 seed 0 epoch 3/12 for 20 s, and 5 more`."""
    cells = list_running(facts)
    lines = [" ".join(filter(None, [kind, what, epoch, f"for {age}"])) for kind, what, epoch, _, _, age in cells]
    more = f", and {len(lines) - MOST_NAMED} more" if len(lines) > MOST_NAMED else ""
    return f"runs {', '.join(lines[:MOST_NAMED])}{more}" if lines else "nothing runs now"


def format_best(facts: Mapping[str, Any]) -> str:
    """The best trade-off so far, with what speaks against its numbers."""
    return "; ".join(filter(None, [f"best so far: {facts['best'] or '-'}", facts.get("best_doubt")]))


def build_panel(facts: Mapping[str, Any], older: float = 0.0) -> Group:
    """The live display of one sweep."""
    bar = Padding(ProgressBar(total=max(1, facts["jobs"]), completed=facts["jobs_done"], width=40), 0)
    running = Table.grid(padding=(0, 2))
    lines = list_running(facts, older)
    for cells in lines[:MOST_RUNNING]:
        running.add_row(*map(Text, map(make_printable, (f"  {cells[0]}", *cells[1:]))))
    if len(lines) > MOST_RUNNING:
        running.add_row(f"  and {len(lines) - MOST_RUNNING} more")
    return Group(Text(format_headline(facts)), bar, running, Text(format_best(facts)))
