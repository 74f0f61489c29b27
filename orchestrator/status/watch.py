"""`advsweep status`: once, or again and again until nothing runs any more."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from orchestrator.status.display import MOST_RUNNING, ResizeGuard, build_panel, format_headline
from orchestrator.status.facts import RUNNING, collect_facts, format_status
from orchestrator.store.heartbeat import BEAT, Pulse
from orchestrator.store.sweep_store import find_sweep, list_sweeps
from tasks.errors import UnreadableError
from tasks.printable import make_printable
from tasks.storage.documents import note_passed_over
from tasks.storage.storage import Storage

EVERY = 2.0
"""Seconds between two looks at the storage."""


class Watch:
    """Looks at one sweep or at all of a storage."""

    def __init__(self, storage: Storage, name: str | None) -> None:
        """:param name: a sweep; null: all of them."""
        self._storage, self._name, self._pulse = storage, name, Pulse()
        self._since = time.monotonic()

    def look(self) -> list[dict[str, Any]]:
        """The facts of each sweep now.

        :raises UsageError: there is no sweep of that name.
        """
        if self._name is not None:
            return [collect_facts(self._storage, find_sweep(self._storage, self._name).sweep_id, self._pulse)]
        return [facts for name in list_sweeps(self._storage) if (facts := self._collect_or_name(name))]

    def _collect_or_name(self, sweep_id: str) -> dict[str, Any] | None:
        """The facts of one of several sweeps; one that cannot be read is named, and the others are shown."""
        try:
            return collect_facts(self._storage, sweep_id, self._pulse)
        except FileNotFoundError:
            return None  # forgotten since it was listed
        except UnreadableError as error:
            note_passed_over(error)
            return None

    def goes_on(self, facts: Sequence[Mapping[str, Any]]) -> bool:
        """Whether there is more to see: a sweep runs, or one that seems dead may yet show that only clocks differ."""
        if time.monotonic() - self._since < 2 * BEAT and any(fact["silent"] for fact in facts):
            return True
        return any(fact["state"] == RUNNING for fact in facts)


def follow(storage: Storage, name: str | None, console: Console, *, as_json: bool) -> None:
    """Show what changes until no sweep runs: one live display on a terminal, lines of text or JSON elsewhere."""
    watch = Watch(storage, name)
    if as_json or not console.is_terminal:
        _follow_in_lines(watch, as_json=as_json)
        return
    guard = ResizeGuard(console)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while watch.goes_on(facts := watch.look()):
            guard.clear_if_resized()
            live.update(build_display(facts), refresh=True)
            time.sleep(EVERY)
    print(make_printable("\n".join(format_status(facts))) or "no sweeps yet", flush=True)  # noqa: T201


def _follow_in_lines(watch: Watch, *, as_json: bool) -> None:
    last = ""
    while True:
        facts = watch.look()
        if as_json:
            text = json.dumps(facts)
        elif watch.goes_on(facts):
            text = "\n".join(_format_line(fact) for fact in facts if fact["state"] == RUNNING)
        else:
            text = "\n".join(format_status(facts)) or "no sweeps yet"
        if text not in ("", last):
            print(make_printable(text), flush=True)  # noqa: T201
        last = text
        if not watch.goes_on(facts):
            return
        time.sleep(EVERY)


def _format_line(fact: Mapping[str, Any]) -> str:
    """One line of a sweep that runs: it stays the same while nothing but time passes."""
    runs = [f"{entry['stage']} {entry['key'][:8]} on {entry['where']}" for entry in fact["running"][:MOST_RUNNING]]
    left = fact["eta_seconds"]
    counts = format_headline({**fact, "eta_seconds": None if left is None else max(10.0, round(left, -1))})
    return f"{fact['sweep_id']}: {counts}; {', '.join(runs) or 'nothing runs yet'}"


def build_display(facts: Sequence[Mapping[str, Any]]) -> RenderableType:
    """The live display: a panel for each sweep that runs, a line for each that does not."""
    parts: list[RenderableType] = []
    for fact in facts:
        state = f"{fact['state']} ({fact['detail']})" if fact["detail"] else fact["state"]
        line = f"{fact['sweep_id']}: {state}, {fact['stages_stored']}/{fact['stages']} stages stored"
        parts.append(Text(make_printable(line)))
        if fact["state"] == RUNNING:
            parts.append(build_panel(fact))
    return Group(*parts)
