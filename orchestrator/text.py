"""Tables on the terminal, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console


def render_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], form: str) -> str:
    """The rows as `table`, `csv` or `json`, without a final newline."""
    if form == "json":
        return json.dumps([dict(zip(columns, row, strict=True)) for row in rows], default=_make_plain, indent=1)
    if form == "csv":
        sink = io.StringIO()
        writer = csv.writer(sink, lineterminator="\n")
        writer.writerows([columns, *rows])
        return sink.getvalue().rstrip("\n")
    return format_table(columns, [[format_value(value) for value in row] for row in rows])


def format_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns: text to the left, numbers to the right."""
    widths = [max(len(line[place]) for line in [columns, *rows]) for place in range(len(columns))]
    right = [all(_is_numeric(row[place]) for row in rows) for place in range(len(columns))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.rjust(width) if flush else cell.ljust(width)
            for cell, width, flush in zip(cells, widths, right, strict=True)
        ]
        return "  ".join(padded).rstrip()

    return "\n".join([line(columns), "  ".join("-" * width for width in widths), *map(line, rows)])


def format_value(value: Any) -> str:
    """A value for people: four significant digits, `-` for null."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def format_percent(value: float | None) -> str:
    """A rate for people."""
    return "-" if value is None else f"{100 * value:.2f} %"


def _is_numeric(cell: str) -> bool:
    return cell in ("-", "") or cell.lstrip("+-").replace("±", " ").split(" ")[0].replace(".", "").isdigit()


def _make_plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def format_duration(seconds: float) -> str:
    """`45 s`, `3 min 20 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s" if whole else f"{seconds:.1f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
