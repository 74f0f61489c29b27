"""The shape of a `stage.json`, and the names of the files beside it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from tasks.paths import STAGES
from tasks.storage.documents import Count, Document, Moment, Seconds

FILE_NAME = re.compile(r"[a-z_]+(-[0-9a-f]{16})?\.[a-z]+")
Key = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class StageIdentity(Document):
    """What the key of a stage is computed from, as it stands in records and plans."""

    kind: str
    version: int
    seed: int
    dataset: dict[str, Any]
    data: str
    model: Any
    settings: dict[str, Any]
    upstream: dict[str, Key]


class StageFile(Document):
    """A file of a stage."""

    bytes: Count
    sha256: Key
    stored_as: str = ""
    """Its name where it is not the key of this entry: on an object store, where it is made of the content."""


class AttackMetrics(Document):
    """What a row needs of an attack."""

    examples: Count
    clean_correct: Count
    robust_correct: Count
    parameters: Count
    nonzero_parameters: Count
    macs: Count


class StageRecord(StageIdentity):
    """The content of `stage.json`: what every version has written into it."""

    checksum: str
    key: str
    model_settings: dict[str, Any]
    sweep_id: str
    device: str
    versions: dict[str, str]
    seconds: Seconds
    started_at: Moment
    finished_at: Moment
    metrics: dict[str, Any]
    files: dict[str, StageFile]

    @model_validator(mode="after")
    def check_metrics(self) -> StageRecord:
        """:raises ValueError: an attack has no counts."""
        if self.kind == "attack":
            AttackMetrics.model_validate(self.metrics)
        return self


def locate_file(record: Mapping[str, Any], name: str) -> str:
    """Where a file of a stage is in the storage."""
    return f"{STAGES}/{record['key']}/{record['files'][name].get('stored_as', name)}"


def list_file_names(record: Mapping[str, Any]) -> list[str]:
    """Every name of a file that a record holds."""
    return [file for name, entry in record["files"].items() for file in (name, entry.get("stored_as", name))]


def hash_file(file: Path) -> dict[str, Any]:
    """The entry of a file in a record."""
    content = file.read_bytes()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def name_by_content(draft: Path, files: dict[str, dict[str, Any]]) -> None:
    """Give the files of a draft names made of their content, and note these in their entries.

    An object store knows no renaming, so two drivers may put the same stage at the same time. Under names of their own
    they do not mix: whichever record is put last, what it names is what it was written with.
    """
    for name, entry in files.items():
        stem, dot, ending = name.partition(".")
        entry["stored_as"] = f"{stem}-{entry['sha256'][:16]}{dot}{ending}"
        (draft / name).rename(draft / entry["stored_as"])
