"""The stage store: finished stages by key. What is in it is never computed again."""

from __future__ import annotations

import hashlib
import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.errors import CorruptArtifactError
from tasks.keys import hash_json
from tasks.paths import CHECKPOINTS, MODEL, STAGE_RECORD, STAGES
from tasks.storage.node_cache import NodeCache
from tasks.storage.storage import Storage

RECORD_FORMAT = 1
FILE_NAME = re.compile(r"[a-z_]+\.[a-z]+")
SETTLE = 2.0
"""Seconds after which an artifact of an object store is read once more: another driver may be putting it anew."""


@dataclass(frozen=True)
class StageStore:
    """Finished stages below `<storage>/stages`, and the checkpoints of stages in progress."""

    storage: Storage
    replace: bool = False
    """Whether publishing replaces an artifact of the same key; otherwise the first one stays."""

    def list_keys(self) -> list[str]:
        """Every finished stage, whole or not."""
        return self.storage.list_names(STAGES)

    def has(self, key: str) -> bool:
        """Whether a stage has been published under this key."""
        return self.storage.exists(f"{STAGES}/{key}/{STAGE_RECORD}")

    def read_record(self, key: str) -> dict[str, Any]:
        """What `stage.json` says.

        :raises FileNotFoundError: the stage is not in the store.
        :raises CorruptArtifactError: the record is not the one that was published.
        """
        content = self.storage.read(f"{STAGES}/{key}/{STAGE_RECORD}")
        try:
            record: dict[str, Any] = json.loads(content)
            checksum = record.pop("checksum")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CorruptArtifactError(f"stage {key[:12]}: {STAGE_RECORD} cannot be read") from error
        if checksum != hash_json(record) or record.get("key") != key or not isinstance(record.get("files"), dict):
            raise CorruptArtifactError(f"stage {key[:12]}: {STAGE_RECORD} has changed since it was written")
        if not all(FILE_NAME.fullmatch(name) for name in record["files"]):
            raise CorruptArtifactError(f"stage {key[:12]}: {STAGE_RECORD} names files that are not beside it")
        return record

    def verify(self, key: str) -> dict[str, Any] | None:
        """The record of a stage whose every file has the recorded checksum; null where there is none.

        On an object store, which does not cut files short, their sizes are compared: contents are checked when read.

        :raises CorruptArtifactError: a file is missing, cut short or changed.
        """
        try:
            record = self.read_record(key)
        except FileNotFoundError:
            if self.storage.exists(f"{STAGES}/{key}"):
                raise CorruptArtifactError(f"stage {key[:12]}: {STAGE_RECORD} is missing") from None
            return None
        sizes = self.storage.list_sizes(f"{STAGES}/{key}") if self.storage.local is None else None
        for name, expected in record["files"].items():
            if sizes is None:
                self.read_file(record, name)
            else:
                _check_size(key, name, sizes.get(name), expected["bytes"])
        return record

    def read_file(self, record: dict[str, Any], name: str) -> bytes:
        """A file of a stage, checked against its record.

        :raises CorruptArtifactError: it is missing, cut short or changed.
        """
        key, expected = record["key"], record["files"][name]
        try:
            content = self.storage.read(f"{STAGES}/{key}/{name}")
        except FileNotFoundError:
            raise CorruptArtifactError(f"stage {key[:12]}: {name} is missing") from None
        _check_size(key, name, len(content), expected["bytes"])
        if hashlib.sha256(content).hexdigest() != expected["sha256"]:
            raise CorruptArtifactError(f"stage {key[:12]}: {name} has changed since it was written")
        return content

    def read_if_whole(self, key: str, name: str) -> bytes | None:
        """A file of a stage; null where the stage or the file is missing or corrupt."""
        try:
            record = self.read_record(key)
            return self.read_file(record, name) if name in record["files"] else None
        except (FileNotFoundError, CorruptArtifactError):
            return None

    def make_draft(self) -> Path:
        """A new folder on this machine for the files of a stage, seen by nobody until it is published."""
        return self.storage.make_scratch_folder()

    def publish(self, key: str, draft: Path, record: dict[str, Any]) -> dict[str, Any]:
        """Show a finished stage. Where another process was first, its artifact stays and its record is returned."""
        files = {file.name: _hash_bytes(file) for file in sorted(draft.iterdir())}
        record = {"format": RECORD_FORMAT, "key": key, **record, "files": files}
        text = json.dumps({**record, "checksum": hash_json(record)}, indent=1, sort_keys=True)
        (draft / STAGE_RECORD).write_text(text)
        if self.storage.local is None and MODEL in files:
            NodeCache.of_this_node().keep(files[MODEL]["sha256"], (draft / MODEL).read_bytes())
        published = self.storage.publish(draft, f"{STAGES}/{key}", last=STAGE_RECORD, replace=self.replace)
        self.storage.remove(self.name_checkpoint(key))
        return record if published else self.read_record(key)

    def set_aside(self, key: str) -> str:
        """Move a corrupt stage out of the way; returns where it is now."""
        try:
            return self.storage.set_aside(f"{STAGES}/{key}", key)
        except FileNotFoundError:
            return "another process did"

    def name_checkpoint(self, key: str) -> str:
        """The name of the checkpoint of a stage in progress."""
        return f"{CHECKPOINTS}/{key}.safetensors"

    def read_model(self, key: str) -> tuple[dict[str, Any], bytes]:
        """The record of a model stage and its checked weights, as safetensors.

        :raises FileNotFoundError: the stage is not in the store.
        :raises CorruptArtifactError: it has changed; on an object store, where a launch does not read every file, it
            is then set aside.
        """
        try:
            return self._read_model(key)
        except CorruptArtifactError:
            if self.storage.local is not None:
                raise
        time.sleep(SETTLE)
        try:
            return self._read_model(key)
        except CorruptArtifactError as error:
            aside = self.set_aside(key)
            raise CorruptArtifactError(f"{error}; set aside as {aside}, the next launch computes it again") from error

    def _read_model(self, key: str) -> tuple[dict[str, Any], bytes]:
        record = self.read_record(key)
        if self.storage.local is not None:
            return record, self.read_file(record, MODEL)
        checksum = record["files"][MODEL]["sha256"]
        return record, NodeCache.of_this_node().fetch(checksum, lambda: self.read_file(record, MODEL))


def _check_size(key: str, name: str, found: int | None, expected: int) -> None:
    if found is None:
        raise CorruptArtifactError(f"stage {key[:12]}: {name} is missing")
    if found != expected:
        raise CorruptArtifactError(f"stage {key[:12]}: {name} has {found} bytes instead of {expected}")


def _hash_bytes(file: Path) -> dict[str, Any]:
    content = file.read_bytes()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
