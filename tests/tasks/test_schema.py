"""Result tables: what an earlier version wrote is read as a table of today."""

from __future__ import annotations

import io
import math
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.schema import EXAMPLES, HISTORY, TRIALS, read_table
from tests.support.fuzzing import CHARACTERS, drawn


def encode(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


EARLIER = pa.table({"stage": ["train"], "stage_key": ["ab"], "epoch": pa.array([3], pa.int32()), "gone": [True]})
"""Without most columns of today, in another order, one narrower, and one that nobody knows any more."""


def test_columns_that_a_file_lacks_are_null_and_unknown_ones_are_left_out() -> None:
    table = read_table(encode(EARLIER), HISTORY)
    assert table.schema.equals(HISTORY, check_metadata=True)
    (row,) = table.to_pylist()
    assert row == dict.fromkeys(HISTORY.names) | {"stage": "train", "stage_key": "ab", "epoch": 3}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PAR1", "smaller than the minimum"),
        (b"PAR1" + bytes(4) + b"\4\0\0\0PAR1", "it is no Parquet file: ."),
        (encode(pa.table({"other": [1], "more": [2]})), "none of its columns is known: other, more"),
        (encode(pa.table([[1], [2]], names=["epoch", "epoch"])), "a column stands twice"),
        (encode(pa.table({"epoch": ["three"]})), "its column epoch holds string, not int64"),
        (encode(pa.table({"stage": [3]})), "its column stage holds int64, not string"),
        (encode(pa.table({"epoch": [[3]]})), "its column epoch holds list"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(pa.ArrowException, match=message):
        read_table(content, HISTORY)


def values_of(kind: pa.DataType) -> st.SearchStrategy[Any]:
    """What a column of a type may hold, nulls included."""
    if pa.types.is_boolean(kind):
        found: st.SearchStrategy[Any] = st.booleans()
    elif pa.types.is_integer(kind):
        bits = kind.bit_width - 1
        found = st.integers(-(2**bits), 2**bits - 1)
    elif pa.types.is_floating(kind):
        found = st.floats(width=32 if kind.bit_width == 32 else 64)
    elif pa.types.is_timestamp(kind):
        found = st.integers(0, 4 * 10**15)
    else:
        found = st.text(CHARACTERS, max_size=8)
    return st.none() | found


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """Any rows of one of the result tables, as any version may have written them: most columns are missing."""
    schema = draw(st.sampled_from([TRIALS, HISTORY, EXAMPLES]))
    rows = draw(st.integers(1, 3))
    kept = draw(st.lists(st.sampled_from(list(schema)), min_size=1, max_size=12, unique_by=lambda field: field.name))
    columns = [pa.array(draw(st.lists(values_of(each.type), min_size=rows, max_size=rows)), each.type) for each in kept]
    return pa.table(columns, schema=pa.schema(kept, metadata=schema.metadata))


def comparable(value: Any) -> Any:
    return "NaN" if isinstance(value, float) and math.isnan(value) else value


@drawn(25)
@given(table=tables())
def test_what_is_written_is_read_as_it_was(table: pa.Table) -> None:
    schema = next(schema for schema in (TRIALS, HISTORY, EXAMPLES) if set(table.schema.names) <= set(schema.names))
    found = read_table(encode(table), schema)
    assert found.schema.equals(schema, check_metadata=True)
    for row, written in zip(found.to_pylist(), table.to_pylist(), strict=True):
        expected = dict.fromkeys(schema.names) | written
        assert {name: comparable(value) for name, value in row.items()} == {
            name: comparable(value) for name, value in expected.items()
        }
