"""Files that stand for more than they hold: refused before they are read, by the footer or by what their pages say."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks import parquet_pages, schema
from tasks.parquet_pages import MOST_BYTES, MOST_ROW_GROUPS, MOST_VALUES, check_size, read_page_headers
from tasks.schema import HISTORY, TRIALS, read_table


def encode(*tables: pa.Table, **options: Any) -> bytes:
    """A Parquet file with a row group for each table."""
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, tables[0].schema, **{"compression": "zstd", **options}) as writer:
        for table in tables:
            writer.write_table(table)
    return sink.getvalue()


def many_rows() -> bytes:
    table = pa.table({"epoch": pa.nulls(1_000_000, pa.int64())})
    return encode(*[table] * 4)


def many_zeros() -> bytes:
    table = pa.table({"train_loss": np.zeros(200_000), "seconds": np.zeros(200_000)})
    return encode(*[table] * 4, use_dictionary=False)


def one_long_text_often() -> bytes:
    keys = pa.array(["x" * 100_000, "y"], pa.string())
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(100_000, np.int32)), keys)
    return encode(pa.table({"stage": column}))


def long_texts_by_their_differences() -> bytes:
    text = pa.array(["x" * 100_000] * 200, pa.string())
    return encode(pa.table({"stage": text}), use_dictionary=False, column_encoding={"stage": "DELTA_BYTE_ARRAY"})


def long_text() -> bytes:
    text = pa.array(["x" * 10_000_000], pa.string())
    return encode(*[pa.table({"stage": text})] * 11, use_dictionary=False, write_statistics=False)


def many_row_groups() -> bytes:
    return encode(*[pa.table({"epoch": [1]})] * 1_001)


def many_columns() -> bytes:
    columns = {f"c{n}": pa.nulls(3000, pa.int64()) for n in range(900)}
    return encode(pa.table({"epoch": pa.nulls(3000, pa.int64()), **columns}))


BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "many rows": (many_rows, "values or more, the most that is read is 2,400,000"),
    "one long text, often": (one_long_text_often, "its texts are longer than 100,000,000 bytes"),
    "texts by their differences": (long_texts_by_their_differences, "it is not written as result tables are"),
    "long texts": (long_text, "bytes or more, the most that is read is 100,000,000"),
    "many row groups": (many_row_groups, "it has 1,001 row groups, the most is 1,000"),
    "many columns": (many_columns, "values or more"),
}


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of what is read elsewhere, and of what it takes to make."""
    for module in (parquet_pages, schema):
        monkeypatch.setattr(module, "MOST_BYTES", MOST_BYTES // 10)
    monkeypatch.setattr(parquet_pages, "MOST_VALUES", MOST_VALUES // 10)
    monkeypatch.setattr(parquet_pages, "MOST_ROW_GROUPS", MOST_ROW_GROUPS // 10)


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_it_is_read(name: str) -> None:
    make, message = BOMBS[name]
    content = make()
    before, began = pa.total_allocated_bytes(), time.process_time()
    with pytest.raises(pa.ArrowInvalid, match=message):
        read_table(content, HISTORY)
    assert pa.total_allocated_bytes() - before < 5_000_000
    assert time.process_time() - began < 10


@pytest.mark.usefixtures("small_limits")
def test_what_is_within_the_limits_is_read() -> None:
    content = many_zeros()
    assert len(content) < 20_000
    assert len(read_table(content, HISTORY)) == 800_000


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("compression", ["zstd", "none", "snappy"])
def test_every_page_is_counted(version: str, compression: str) -> None:
    draw = np.random.default_rng(0)
    table = pa.table({"epoch": draw.integers(0, 10**9, 50_000), "stage": [f"stage {n % 7}" for n in range(50_000)]})
    content = encode(table, table, data_page_version=version, compression=compression, data_page_size=10_000)
    metadata = pq.read_metadata(io.BytesIO(content))
    for group in range(2):
        for place in range(2):
            chunk = metadata.row_group(group).column(place)
            start = chunk.dictionary_page_offset if chunk.has_dictionary_page else chunk.data_page_offset
            pages = read_page_headers(content, start, chunk.num_values)
            assert len(pages) > 2
            assert sum(page.values for page in pages[chunk.has_dictionary_page :]) == 50_000
            headers = chunk.total_uncompressed_size - sum(page.size for page in pages)
            assert 0 < headers < 100 * len(pages), "what the footer counts beside the pages are their headers"
    check_size(content, metadata)


def test_columns_that_are_not_asked_for_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    table = pa.table({"seconds": np.zeros(9_000), "train_loss": np.ones(9_000)})
    content = encode(table, use_dictionary=False)
    monkeypatch.setattr(parquet_pages, "MOST_BYTES", 100_000)
    assert read_table(content, HISTORY, ["train_loss"])["train_loss"].to_pylist() == [1.0] * 9_000
    with pytest.raises(pa.ArrowInvalid, match="bytes or more"):
        read_table(content, HISTORY)
    monkeypatch.setattr(parquet_pages, "MOST_BYTES", 50_000)
    with pytest.raises(pa.ArrowInvalid, match="bytes or more"):
        read_table(content, HISTORY, ["train_loss"])


def forge_page_size(content: bytes, size: int) -> bytes:
    """The file with another uncompressed size in front of its first page, written in as many bytes as before."""
    start = pq.read_metadata(io.BytesIO(content)).row_group(0).column(0).data_page_offset
    assert content[start : start + 3] == bytes([0x15, 0, 0x15]), "a data page, whose size follows"
    before = read_page_headers(content, start, 1)[0].size
    assert (2 * before).bit_length() == (2 * size).bit_length() == 18, "three bytes of seven bits each"
    written = bytes([2 * size & 0x7F | 0x80, 2 * size >> 7 & 0x7F | 0x80, 2 * size >> 14])
    return content[: start + 3] + written + content[start + 6 :]


def test_a_footer_that_says_less_than_the_pages_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    table = pa.table({"seconds": np.zeros(9_000)})
    content = forge_page_size(encode(table, use_dictionary=False), 131_000)
    metadata = pq.read_metadata(io.BytesIO(content))
    assert metadata.row_group(0).column(0).total_uncompressed_size < 80_000
    monkeypatch.setattr(parquet_pages, "MOST_BYTES", 100_000)
    with pytest.raises(pa.ArrowInvalid, match="131,000 bytes or more"):
        check_size(content, metadata)


@pytest.mark.parametrize("place", range(40))
def test_a_damaged_page_header_ends_in_an_error_of_arrow_or_in_none(place: int) -> None:
    content = bytearray(encode(pa.table({"epoch": list(range(1000))})))
    start = pq.read_metadata(io.BytesIO(bytes(content))).row_group(0).column(0).dictionary_page_offset
    for value in (0x01, 0x7F, 0xFF):
        content[start + place] ^= value
        with contextlib.suppress(pa.ArrowException):
            assert len(read_table(bytes(content), HISTORY)) == 1000
        content[start + place] ^= value


def test_a_trial_row_of_a_large_sweep_is_far_below_the_limits() -> None:
    assert 300_000 * len(TRIALS.names) < MOST_VALUES
    assert MOST_BYTES > 200_000 * 3_000
    assert (MOST_BYTES, MOST_VALUES, MOST_ROW_GROUPS) == (1_000_000_000, 24_000_000, 10_000)
