"""Result tables: what an earlier version wrote is read as a table of today."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.schema import HISTORY, read_table


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
    "content",
    [b"PAR1", encode(pa.table({"other": [1]})), encode(pa.table({"epoch": ["three"]}))],
    ids=["cut short", "no column of the table", "another type"],
)
def test_a_file_that_is_no_such_table_is_refused(content: bytes) -> None:
    with pytest.raises(pa.ArrowException):
        read_table(content, HISTORY)
