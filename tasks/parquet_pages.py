"""How large a Parquet file becomes when it is read, found out before it is: a file of 10 kB can stand for gigabytes.

The sizes in the footer are what the writer says; those in front of each page are what a reader allocates. Both are
counted. Layout: https://parquet.apache.org/docs/file-format, whose page headers are Thrift's compact protocol.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

MOST_BYTES = 1_000_000_000
"""Of all values of a file, before compression."""
MOST_VALUES = 24_000_000
"""Rows times columns: 300,000 trials."""
MOST_ROW_GROUPS = 10_000
ENCODINGS = frozenset({0, 2, 3, 8})
"""PLAIN, PLAIN_DICTIONARY, RLE and RLE_DICTIONARY, with which result tables are written. The others can stand for far
more than the bytes of their pages."""

Fields = dict[int, Any]


def check_size(content: bytes, metadata: pq.FileMetaData, only: Collection[str] | None = None) -> None:
    """Refuse a file that is not worth its memory.

    :param only: columns that are going to be read; null: all.
    :raises pa.ArrowInvalid: it is larger than the limits, or written in another way than result tables are.
    """
    if metadata.num_row_groups > MOST_ROW_GROUPS:
        raise pa.ArrowInvalid(f"it has {metadata.num_row_groups:,} row groups, the most is {MOST_ROW_GROUPS:,}")
    _check(metadata.num_rows * metadata.num_columns, 0)
    values = size = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for column in range(group.num_columns):
            chunk = group.column(column)
            if only is not None and chunk.path_in_schema.partition(".")[0] not in only:
                continue
            _check(values + chunk.num_values, size + chunk.total_uncompressed_size)
            start = chunk.dictionary_page_offset if chunk.has_dictionary_page else chunk.data_page_offset
            for page in read_page_headers(content, start, chunk.num_values):
                values, size = values + page.values, size + page.size
                _check(values, size)


def _check(values: int, size: int) -> None:
    if values > MOST_VALUES:
        raise pa.ArrowInvalid(f"it has {values:,} values or more, the most that is read is {MOST_VALUES:,}")
    if size > MOST_BYTES:
        raise pa.ArrowInvalid(f"it has {size:,} bytes or more, the most that is read is {MOST_BYTES:,}")


@dataclass(frozen=True)
class Page:
    """What stands in front of a page."""

    size: int
    """Bytes after decompression."""
    values: int


def read_page_headers(content: bytes, start: int, values: int) -> list[Page]:
    """The pages of a column chunk, which ends where it has this many values.

    :raises pa.ArrowInvalid: something else stands there.
    """
    pages, seen = [], 0
    try:
        while seen < values:
            fields, start = _read_struct(content, start, 0)
            data: Fields | None = fields.get(5) or fields.get(8)
            inside: Fields = data or fields[7]
            encoding = inside[4] if 8 in fields else inside[2]
            if encoding not in ENCODINGS or min(fields[2], fields[3], inside[1]) < 0:
                raise ValueError
            pages.append(Page(fields[2], inside[1]))
            seen += inside[1] if data else 0
            start += fields[3]
            if data and not inside[1]:
                raise ValueError
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise pa.ArrowInvalid("it is not written as result tables are") from error
    return pages


def _read_struct(content: bytes, place: int, depth: int) -> tuple[Fields, int]:
    """The fields of a struct by their numbers, and where it ends."""
    if depth > 4 or place < 0:
        raise ValueError
    fields: Fields = {}
    number = 0
    while (head := content[place]) != 0:
        place += 1
        if head >> 4:
            number += head >> 4
        else:
            number, place = _read_signed(content, place)
        fields[number], place = _read_value(content, place, head & 0x0F, depth)
    return fields, place + 1


def _read_value(content: bytes, place: int, kind: int, depth: int) -> tuple[Any, int]:
    """A value of a compact type: truth, a whole number, bytes or a struct; page headers have no others."""
    if kind in (1, 2):
        return kind == 1, place
    if kind in (4, 5, 6):
        return _read_signed(content, place)
    if kind == 8:
        length, place = _read_unsigned(content, place)
        return content[place : place + length], place + length
    if kind == 12:
        return _read_struct(content, place, depth + 1)
    raise ValueError


def _read_signed(content: bytes, place: int) -> tuple[int, int]:
    value, place = _read_unsigned(content, place)
    return (value >> 1) ^ -(value & 1), place


def _read_unsigned(content: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
        if shift > 63:
            raise ValueError
