"""Tables as data frames: pandas, Polars or Arrow."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, Literal

import pyarrow as pa

from tasks.errors import UsageError, list_choices

FrameFormat = Literal["pandas", "polars", "arrow"]
FORMATS: tuple[FrameFormat, ...] = ("pandas", "polars", "arrow")


def convert_table(table: pa.Table, form: FrameFormat) -> Any:
    """A table as `pandas.DataFrame`, `polars.DataFrame` or `pyarrow.Table`.

    :raises UsageError: there is no such form, or its library is not installed.
    """
    if form not in FORMATS:
        raise UsageError(f"format = {form!r}: {list_choices(FORMATS, form)}")
    if form == "arrow":
        return table
    try:
        library = importlib.import_module(form)
    except ImportError as error:
        raise UsageError(
            f"format = {form!r}: {form} is not installed: pip install 'advsweep[frames]', or ask for format='arrow'"
        ) from error
    return table.to_pandas() if form == "pandas" else library.from_arrow(table)


def make_table(columns: Sequence[str], lines: Sequence[Sequence[Any]]) -> pa.Table:
    """A table of lines whose values may be null."""
    values = [list(column) for column in zip(*lines, strict=True)] if lines else [[] for _ in columns]
    return pa.table(dict(zip(columns, map(pa.array, values), strict=True)))
