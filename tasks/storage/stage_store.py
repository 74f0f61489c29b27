"""The stage store: finished stages by key. What is in it is never computed again."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.errors import CorruptArtifactError, MisplacedError, TooLargeError, UnreadableError, name_place
from tasks.keys import hash_json
from tasks.paths import CHECKPOINTS, MODEL, STAGE_RECORD, STAGES
from tasks.storage.documents import note_passed_over, parse_document
from tasks.storage.node_cache import NodeCache
from tasks.storage.stage_record import FILE_NAME, StageRecord, hash_file, list_file_names, locate_file, name_by_content
from tasks.storage.storage import Storage

RECORD_FORMAT = 1
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
        :raises UnreadableError: it may not be read.
        """
        name = f"stage {key[:12]}: {STAGE_RECORD}"
        try:
            content = self.storage.read(f"{STAGES}/{key}/{STAGE_RECORD}", StageRecord.most_bytes)
            record = parse_document(content, StageRecord, name)
        except MisplacedError as error:
            raise CorruptArtifactError(f"{name} cannot be read: {str(error).removeprefix(f'{name}: ')}") from error
        checksum = record.pop("checksum")
        if checksum != hash_json(record) or record["key"] != key:
            raise CorruptArtifactError(f"{name} has changed since it was written")
        if not all(FILE_NAME.fullmatch(file) for file in list_file_names(record)):
            raise CorruptArtifactError(f"{name} names files that are not beside it")
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
        if self.storage.local is None:
            self.check_sizes(record)
        else:
            for name in record["files"]:
                self.read_file(record, name)
        return record

    def check_sizes(self, record: Mapping[str, Any]) -> None:
        """Compare the sizes of a stage's files with its record, without reading them.

        :raises CorruptArtifactError: a file is missing, too short or too long.
        """
        key = record["key"]
        sizes = self.storage.list_sizes(f"{STAGES}/{key}")
        for name, expected in record["files"].items():
            _check_size(key, name, sizes.get(expected.get("stored_as", name)), expected["bytes"])

    def read_file(self, record: dict[str, Any], name: str) -> bytes:
        """A file of a stage, checked against its record.

        :raises CorruptArtifactError: it is missing, cut short or changed.
        """
        key, expected = record["key"], record["files"][name]
        try:
            content = self.storage.read(locate_file(record, name), most=expected["bytes"])
        except FileNotFoundError:
            raise CorruptArtifactError(f"stage {key[:12]}: {name} is missing") from None
        except TooLargeError as error:
            raise _name_size(key, name, error.size, expected["bytes"]) from None
        except MisplacedError as error:
            raise CorruptArtifactError(f"stage {key[:12]}: {name} cannot be read: {error}") from error
        _check_size(key, name, len(content), expected["bytes"])
        if hashlib.sha256(content).hexdigest() != expected["sha256"]:
            raise CorruptArtifactError(f"stage {key[:12]}: {name} has changed since it was written")
        return content

    def read_if_whole(self, key: str, name: str) -> bytes | None:
        """A file of a stage; null where it is missing, and where it cannot be read, which is named."""
        try:
            record = self.read_record(key)
            return self.read_file(record, name) if name in record["files"] else None
        except FileNotFoundError:
            return None
        except (CorruptArtifactError, UnreadableError) as error:
            note_passed_over(error)
            return None

    def find_file(self, key: str, name: str) -> str | None:
        """The name in the storage of a file of a stage, unread; null where there is none, or what cannot be read."""
        try:
            if self.storage.local is None:
                record = self.read_record(key)
                return locate_file(record, name) if name in record["files"] else None
            place = f"{STAGES}/{key}/{name}"
            if not self.storage.exists(place):
                return None
            if not self.storage.get_size(place):
                raise MisplacedError(f"{self.storage.describe_place(place)}: is empty, or no file")
            return place
        except FileNotFoundError:
            return None
        except (CorruptArtifactError, UnreadableError) as error:
            note_passed_over(error)
            return None

    def make_draft(self) -> Path:
        """A new folder on this machine for the files of a stage, seen by nobody until it is published."""
        return self.storage.make_scratch_folder()

    def publish(self, key: str, draft: Path, record: dict[str, Any]) -> dict[str, Any]:
        """Show a finished stage. Where another process was first, its artifact stays and its record is returned."""
        files = {file.name: hash_file(file) for file in sorted(draft.iterdir())}
        if self.storage.local is None:
            if MODEL in files:
                NodeCache.of_this_node().keep(files[MODEL]["sha256"], (draft / MODEL).read_bytes())
            name_by_content(draft, files)
        record = {"format": RECORD_FORMAT, "key": key, **record, "files": files}
        text = json.dumps({**record, "checksum": hash_json(record)}, indent=1, sort_keys=True)
        with name_place(draft / STAGE_RECORD):
            (draft / STAGE_RECORD).write_text(text)
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
        raise _name_size(key, name, found, expected)


def _name_size(key: str, name: str, found: int, expected: int) -> CorruptArtifactError:
    """The error of a file that is not as long as its record says."""
    return CorruptArtifactError(f"stage {key[:12]}: {name} has {found} bytes instead of {expected}")
