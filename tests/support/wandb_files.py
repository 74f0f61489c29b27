"""Read a W&B run back from its offline file: a log of protobuf records in LevelDB's framing."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HEADER, BLOCK = 7, 32768
SEEDS = {kind: zlib.crc32(bytes([kind])) & 0xFFFFFFFF for kind in range(1, 5)}
FULL, FIRST, LAST = 1, 2, 4


@dataclass
class Run:
    """What a run's file says."""

    name: str = ""
    group: str = ""
    job_type: str = ""
    tags: list[str] = field(default_factory=list)
    axes: dict[str, str] = field(default_factory=dict)
    """Metrics -> the metric that is their horizontal axis."""
    artifacts: dict[str, list[str]] = field(default_factory=dict)
    """Name of an artifact -> its files."""
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    exit_code: int | None = None


def read_run(path: Path) -> Run:
    """Replay the records of a file."""
    run = Run()
    for record in _records(path.read_bytes()):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run.group, run.job_type, run.tags = record.run.run_group, record.run.job_type, list(record.run.tags)
            run.name = record.run.display_name
            _update(run.config, record.run.config.update)
        elif kind == "config":
            _update(run.config, record.config.update)
        elif kind == "summary":
            _update(run.summary, record.summary.update)
        elif kind == "history":
            entry: dict[str, Any] = {}
            _update(entry, record.history.item)
            run.history.append(entry)
        elif kind == "metric" and record.metric.step_metric:
            run.axes[record.metric.name or record.metric.glob_name] = record.metric.step_metric
        elif kind == "artifact":
            run.artifacts[record.artifact.name] = [file.path for file in record.artifact.manifest.contents]
        elif kind == "exit":
            run.exit_code = record.exit.exit_code
    return run


def _records(content: bytes) -> Iterator[Any]:
    from wandb.proto import wandb_internal_pb2

    place, part = HEADER, b""
    while place + HEADER <= len(content):
        left = BLOCK - place % BLOCK
        if left < HEADER:
            place += left
            continue
        checksum, size, kind = struct.unpack_from("<IHB", content, place)
        data = content[place + HEADER : place + HEADER + size]
        assert zlib.crc32(data, SEEDS[kind]) & 0xFFFFFFFF == checksum, f"corrupt record at {place}"
        place += HEADER + size
        part = data if kind in (FULL, FIRST) else part + data
        if kind in (FULL, LAST):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(part)
            yield record


def _update(target: dict[str, Any], items: Any) -> None:
    for item in items:
        *parents, last = list(item.nested_key) or [item.key]
        node = target
        for name in parents:
            node = node.setdefault(name, {})
        node[last] = json.loads(item.value_json)
