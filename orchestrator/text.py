"""What people and scripts read: tables on the terminal, as CSV and as JSON, and values as text."""

from __future__ import annotations

import csv
import html
import io
import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from tasks.printable import make_printable

FORMULA = ("=", "+", "-", "@", "\t")
"""How texts begin that spreadsheets take for formulas (OWASP, CSV injection)."""
UNLIMITED = 1_000_000
"""Characters of a line that goes to no terminal."""


def render_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], form: str) -> str:
    """The rows as `table`, `csv` or `json`, without a final newline."""
    if form == "json":
        return json.dumps([dict(zip(columns, row, strict=True)) for row in rows], default=_make_plain, indent=1)
    if form == "csv":
        sink = io.StringIO()
        writer = csv.writer(sink, lineterminator="\n")
        writer.writerows([[_guard_formula(value) for value in line] for line in (columns, *rows)])
        return sink.getvalue().rstrip("\n")
    return format_table(columns, [[format_value(value) for value in row] for row in rows])


def _guard_formula(value: Any) -> Any:
    """The value; a text that a spreadsheet would compute, such as `=HYPERLINK(...)`, behind an apostrophe."""
    if not isinstance(value, str):
        return value
    plain = value.replace("\r", r"\r")  # `csv` does not quote it, and readers take it for the end of a line
    return f"'{plain}" if plain.startswith(FORMULA) else plain


def format_table(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """Aligned columns: text to the left, numbers to the right.

    :param width: characters that a line may have: texts are broken at spaces, no word or number ever is; where that is
        not enough each row is a block of lines. Null: the width of the terminal, and no limit elsewhere.
    """
    columns, *rows = [[make_printable(cell) for cell in line] for line in (columns, *rows)]
    lines = [columns, *rows]
    right = [all(_is_numeric(row[place]) for row in rows) for place in range(len(columns))]
    widths = [max(cell_len(line[place]) for line in lines) for place in range(len(columns))]
    room = width or _find_terminal_width()
    if _measure_line(widths, 2) <= room:  # by hand: Rich takes a hundred times as long, and a query may have many rows
        return "\n".join(_align_lines(columns, rows, widths, right))
    least = [max(_measure_longest_word(line[place]) for line in lines) for place in range(len(columns))]
    gap = next((gap for gap in (2, 1) if _measure_line(least, gap) <= room), None)
    if gap is None:
        return _format_blocks(columns, rows, room)
    while _measure_line(widths, gap) > room:
        widest = max((place for place in range(len(widths)) if widths[place] > least[place]), key=widths.__getitem__)
        widths[widest] -= 1
    table = Table.grid(padding=(0, gap, 0, 0))
    for flush, cells in zip(right, widths, strict=True):
        table.add_column(justify="right" if flush else "left", width=cells)
    table.add_row(*map(Text, columns))
    table.add_row(*(Rule(characters="-", style="") for _ in columns))
    for row in rows:
        table.add_row(*map(Text, row))
    return _render_plain(table, room)


def render_html_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], caption: str = "") -> str:
    """The rows as an HTML table, for a notebook."""
    head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
    lines = ("".join(f"<td>{html.escape(format_value(value))}</td>" for value in row) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><caption>{html.escape(caption)}</caption><tr>{head}</tr>{body}</table>"


def _measure_line(widths: Sequence[int], gap: int) -> int:
    return sum(widths) + gap * (len(widths) - 1)


def _align_lines(
    columns: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int], right: Sequence[bool]
) -> Iterator[str]:
    for line in (columns, ["-" * width for width in widths], *rows):
        padding = [" " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True)]
        cells = [
            space + cell if flush else cell + space for cell, space, flush in zip(line, padding, right, strict=True)
        ]
        yield "  ".join(cells).rstrip()


def _format_blocks(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> str:
    """A line for each value, and an empty one between rows."""
    blocks = []
    for row in rows:
        block = Table.grid(padding=(0, 2, 0, 0))
        for name, cell in zip(columns, row, strict=True):
            block.add_row(Text(name), Text(cell))
        blocks.append(_render_plain(block, width))
    return "\n\n".join(blocks)


def _render_plain(table: Table, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(table, crop=False, highlight=False)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _measure_longest_word(text: str) -> int:
    return max(map(cell_len, text.split()), default=0)


def _find_terminal_width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else UNLIMITED


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


def format_eps(value: float | None) -> str:
    """A budget or the size of a perturbation for people: 255ths where it is a whole number of them."""
    if value is None:
        return "unknown"
    whole = round(value * 255)
    return f"{whole}/255" if whole and abs(value * 255 - whole) < 1e-3 and value < 1 else f"{value:.4g}"


def _is_numeric(cell: str) -> bool:
    return cell in ("-", "") or cell.lstrip("+-").replace("±", " ").split(" ")[0].replace(".", "").isdigit()


def _make_plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def say(console: Console, text: str) -> None:
    """Print a line while something goes on that an output without room does not end: that is said once."""
    try:
        print_line(console, text)
    except OSError as error:
        console.quiet = True
        print(f"nothing more is printed: {error.strerror}", file=sys.stderr)  # noqa: T201


def print_line(console: Console, text: str) -> None:
    """:raises OSError: the output has no room, or is gone."""
    console.print(make_printable(text), markup=False, highlight=False, soft_wrap=True)


def format_count(count: float, noun: str) -> str:
    """`1 trial`, `2 trials`, `0.5 GPUs`."""
    shown = f"{count:g}" if isinstance(count, float) else str(count)
    return f"{shown} {noun}" if count == 1 else f"{shown} {noun}s"


def format_duration(seconds: float) -> str:
    """`45 s`, `3 min 20 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s" if whole else f"{seconds:.1f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def format_bytes(size: int) -> str:
    """`1.5 MB`."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"


def make_sort_key(value: Any) -> tuple[int, Any]:
    """A key that puts nulls first, then numbers, then texts."""
    if value is None:
        return 0, 0
    return (1, value) if isinstance(value, (int, float)) else (2, str(value))
