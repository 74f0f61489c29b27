"""Everything that may happen to a file of a storage: killed writers, full disks, other programs, strangers."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.keys import hash_json

HOSTILE_VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1e308, float("nan"), 10**30, "", "x", "\0", "\ud800", "../../x", "x" * 10_000, [], {}, [None],
    {"": None}, [[]],
)  # fmt: skip
"""In place of a value of a document."""

DOCUMENTS = (
    b"{}", b"[]", b"null", b"0", b"true", b'"x"', b"NaN", b"1e999", b"\xff\xfe", b"\0", b"{", b'{"a": 1}\n{"b": 2}',
    b"[" * 100_000, b'{"a":' * 5_000, b"9" * 5_000, b"\xef\xbb\xbf{}", b'{"format": 99}',
)  # fmt: skip
"""In place of a document."""


def replace_file(path: Path, content: bytes) -> None:
    remove(path)
    path.write_bytes(content)


def remove(path: Path) -> None:
    """Remove whatever has this name."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def make_pipe(path: Path) -> None:
    remove(path)
    os.mkfifo(path)


def make_folder(path: Path) -> None:
    remove(path)
    path.mkdir()


def make_link(target: str) -> Callable[[Path], None]:
    def link(path: Path) -> None:
        remove(path)
        path.symlink_to(target)

    return link


def cut(share: float) -> Callable[[Path], None]:
    def shorten(path: Path) -> None:
        content = path.read_bytes()
        replace_file(path, content[: int(share * len(content))])

    return shorten


def flip(share: float, value: int) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        content = bytearray(path.read_bytes())
        if content:
            content[min(int(share * len(content)), len(content) - 1)] ^= value
        replace_file(path, bytes(content))

    return change


def grow(path: Path) -> None:
    """A file of 8 GB that takes no room."""
    with path.open("ab") as stream:
        stream.truncate(8_000_000_000)


def make_socket(path: Path) -> None:
    remove(path)
    before = Path.cwd()
    os.chdir(path.parent)  # its path may have about 100 characters
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


def encode_table(columns: dict[str, list[Any]]) -> bytes:
    """A Parquet file."""
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def encode_header(length: int, header: bytes = b"") -> bytes:
    """The begin of a safetensors file whose first eight bytes say how long its header is."""
    return struct.pack("<Q", length) + header


def encode_weights(entries: dict[str, Any], room: int = 64) -> bytes:
    """A safetensors file with this header and so many zeros behind it."""
    header = json.dumps(entries).encode()
    return encode_header(len(header), header) + bytes(room)


def place_floats(start: int, end: int, shape: list[int]) -> dict[str, Any]:
    """A tensor in the header of a safetensors file."""
    return {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}


WEIGHTS: dict[str, bytes] = {
    "a header of 2^63 bytes": encode_header(2**63, b"{}"),
    "a header of 2^64 - 1 bytes": encode_header(2**64 - 1, b"{}"),
    "a header of 100 MB that is not there": encode_header(100_000_000, b"{}"),
    "a header of 100 MB": encode_header(100_000_000, b"{") + b"}".rjust(99_999_999),
    "a header of nothing": encode_header(0),
    "no whole length": b"\1\0\0",
    "tensors that overlap": encode_weights({"a": place_floats(0, 64, [16]), "b": place_floats(32, 64, [8])}),
    "a tensor that ends before it begins": encode_weights({"a": place_floats(64, 0, [16])}),
    "a tensor beyond the end": encode_weights({"a": place_floats(0, 2**62, [2**60])}),
    "a shape that overflows": encode_weights({"a": place_floats(0, 64, [2**32, 2**32, 16])}),
    "a negative shape": encode_weights({"a": place_floats(0, 64, [-16])}),
    "a header that is nested": encode_header(200_000, b"[" * 200_000),
    "a description that is no text": encode_weights({"__metadata__": {"description": 3}}, 0),
    "no tensor": encode_weights({}, 0),
}
"""In place of a model."""

TABLES: dict[str, bytes] = {
    "a table of another kind": encode_table({"a": [1, 2], "b": ["x", None]}),
    "a table with our names": encode_table({"trial_id": [1, 2], "stage_key": [None, None], "status": ["x", "y"]}),
    "a table without rows": encode_table({"trial_id": [], "status": []}),
    "a table of lists": encode_table({"trial_id": [[1], []], "config": [{"a": 1}, {"a": 2}]}),
}
"""In place of a table."""


def put(content: bytes) -> Callable[[Path], None]:
    return lambda path: replace_file(path, content)


KINDS: dict[str, Callable[[Path], None]] = {
    "removed": remove,
    "a pipe": make_pipe,
    "a folder": make_folder,
    "a dangling link": make_link("nowhere"),
    "a link to itself": make_link("itself"),
    "a link out": make_link("/etc/passwd"),
    "a link to zeros": make_link("/dev/zero"),
    "empty": put(b""),
    "cut to a half": cut(0.5),
    "without its end": cut(0.99),
    **{f"flipped at {share}": flip(share, 0x55) for share in (0.0, 0.01, 0.3, 0.7, 0.95, 1.0)},
    "a socket": make_socket,
    "8 GB of holes": grow,
    **{f"document {content[:12]!r}": put(content) for content in DOCUMENTS},
    **{name: put(content) for name, content in TABLES.items()},
    **{name: put(content) for name, content in WEIGHTS.items()},
}
"""What to do to a file."""


def plant_in_stage(path: Path, content: bytes) -> None:
    """Put a file of a stage, and mend the checksums as a stranger can."""
    replace_file(path, content)
    record_file = path.with_name("stage.json")
    record = json.loads(record_file.read_bytes())
    record["files"][path.name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    record.pop("checksum")
    replace_file(record_file, json.dumps({**record, "checksum": hash_json(record)}).encode())


PLANTED: dict[str, bytes] = {
    **WEIGHTS,
    **TABLES,
    **{f"document {content[:12]!r}": content for content in DOCUMENTS},
}
"""What a stranger may put in place of a file of a stage, with the checksums that belong to it."""


def list_places(node: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in a document, the document itself first."""
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [above, *(place for key, value in inside for place in list_places(value, (*above, key)))]


def change_value(path: Path, place: int, value: Any) -> None:
    """Put a value in place of another in a JSON document or in the first line of several; mend its checksum."""
    text = path.read_text()
    lines = text.splitlines() if path.suffix == ".jsonl" else [text]
    document = json.loads(lines[0])
    places = list_places(document)
    *above, last = places[1 + place % (len(places) - 1)]
    node = document
    for key in above:
        node = node[key]
    node[last] = value
    if "checksum" in document:
        document["checksum"] = hash_safely({key: part for key, part in document.items() if key != "checksum"})
    replace_file(path, "\n".join([json.dumps(document), *lines[1:]]).encode())


def hash_safely(record: dict[str, Any]) -> str:
    """The checksum of a record; of one that has none, any."""
    try:
        return hash_json(record)
    except ValueError:
        return "0" * 64
