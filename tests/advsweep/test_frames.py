"""Tables as data frames, and what is said where their library is missing."""

from __future__ import annotations

import sys

import pytest

from advsweep.frames import convert_table, make_table
from tasks.errors import UsageError


def test_lines_become_columns_with_nulls() -> None:
    table = make_table(["a", "b"], [[1, None], [None, "x"]])
    assert table.to_pydict() == {"a": [1, None], "b": [None, "x"]}
    assert make_table(["a", "b"], []).column_names == ["a", "b"]


@pytest.mark.parametrize("form", ["pandas", "polars"])
def test_a_library_that_is_missing_is_named(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, form, None)
    with pytest.raises(UsageError, match=rf"{form} is not installed: pip install 'advsweep\[frames\]'"):
        convert_table(make_table(["a"], [[1]]), form)  # type: ignore[arg-type]
