"""A table of results before it is printed: what may be sorted and cut, for people and as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.text import format_table, make_sort_key, render_table
from tasks.errors import UsageError, list_choices


@dataclass(frozen=True)
class Column:
    """A column under two names."""

    name: str
    """In CSV and JSON."""
    heading: str | None
    """On a terminal; null: not shown there."""
    measured: bool = False
    """Whether it holds what came out, of which more is better: sorted by it, the largest come first."""
    short: str | None = None
    """The heading without what it says of the images."""


@dataclass(frozen=True)
class Listing:
    """Lines under columns."""

    columns: Sequence[Column]
    lines: Sequence[tuple[Sequence[Any], Sequence[str]]]
    """Plain values of every column, and the texts of those that have a heading."""
    left_out: int = 0
    unit: str = "lines"
    """What a line is, in the plural."""

    def sort(self, asked: str) -> Listing:
        """The lines by one column, nulls last: what was measured from the largest, all else from the smallest.

        :param asked: a name or a heading, also a short one; with `-` before it, the other way round.
        :raises UsageError: no column has that name.
        """
        name, turned = asked.removeprefix("-").strip(), asked.startswith("-")
        place = self._find(name)
        descending = self.columns[place].measured is not turned
        there = [line for line in self.lines if line[0][place] is not None]
        there.sort(key=lambda line: make_sort_key(line[0][place]), reverse=descending)
        return replace(self, lines=[*there, *(line for line in self.lines if line[0][place] is None)])

    def _find(self, name: str) -> int:
        for exact in (True, False):
            for place, column in enumerate(self.columns):
                names = [text for text in (column.name, column.heading, column.short) if text is not None]
                if name in names if exact else name.casefold() in map(str.casefold, names):
                    return place
        known = [column.heading for column in self.columns if column.heading is not None]
        known = known or [column.name for column in self.columns]
        raise UsageError(f"--sort {name}: no column of this table; {list_choices(known, name)}")

    def cut(self, most: int | None) -> Listing:
        """The first lines."""
        kept = self.lines[:most]
        return replace(self, lines=kept, left_out=self.left_out + len(self.lines) - len(kept))

    def render(self, form: str, width: int | None = None) -> str:
        """The lines as `table`, `csv` or `json`.

        :param width: characters of a line of the table; null: those of the terminal.
        """
        if form != "table":
            return render_table([column.name for column in self.columns], [values for values, _ in self.lines], form)
        shown = [column.heading for column in self.columns if column.heading is not None]
        unit = self.unit.removesuffix("s") if self.left_out == 1 else self.unit
        more = f"\n... and {self.left_out} more {unit}" if self.left_out else ""
        return format_table(shown, [texts for _, texts in self.lines], width) + more
