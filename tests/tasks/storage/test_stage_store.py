"""The store of finished stages: what is wrong with one is named, and what is whole is given."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import CorruptArtifactError
from tasks.keys import hash_json
from tasks.storage.documents import warn_once
from tasks.storage.node_cache import NodeCache
from tasks.storage.stage_record import list_file_names, locate_file
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import open_storage
from tests.support.stage_records import TIME, make_stage_record
from tests.support.storages import open_as_bucket

KEY, OTHER = "a" * 64, "b" * 64
FILES = {"model.safetensors": b"weights", "history.parquet": b"rows"}


def publish(store: StageStore, key: str = KEY, *, files: dict[str, bytes] = FILES, **changes: Any) -> dict[str, Any]:
    """The record that the store gives back."""
    draft = store.make_draft()
    for name, content in files.items():
        (draft / name).write_bytes(content)
    return store.publish(key, draft, make_stage_record(**changes))


def change_record(folder: Path, change: Callable[[dict[str, Any]], Any], *, sign: bool) -> None:
    """Change the record of a stage, and its checksum with it, as who has written it would."""
    file = folder / "stages" / KEY / "stage.json"
    record = json.loads(file.read_text())
    change(record)
    if sign:
        del record["checksum"]
        record["checksum"] = hash_json(record)
    file.write_text(json.dumps(record))


def test_a_stage_is_published_with_the_sizes_and_checksums_of_its_files(tmp_path: Path) -> None:
    store = StageStore(open_storage(tmp_path))
    assert not store.has(KEY)
    assert store.verify(KEY) is None
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / f"{KEY}.safetensors").write_bytes(b"")
    record = publish(store, sweep_id="mine")
    assert record["files"] == {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} for name, content in FILES.items()
    }
    assert (record["format"], record["key"], record["sweep_id"]) == (1, KEY, "mine")
    assert store.has(KEY)
    assert store.list_keys() == [KEY]
    assert store.read_record(KEY) == record
    assert store.verify(KEY) == record
    assert store.read_model(KEY) == (record, b"weights")
    assert not list((tmp_path / "checkpoints").iterdir()), "the checkpoint of a finished stage goes"
    assert store.name_checkpoint(OTHER) == f"checkpoints/{OTHER}.safetensors"
    assert locate_file(record, "history.parquet") == f"stages/{KEY}/history.parquet"


def test_who_comes_second_gets_the_first_record_unless_it_replaces(tmp_path: Path) -> None:
    store = StageStore(open_storage(tmp_path))
    first = publish(store, sweep_id="first")
    assert publish(store, sweep_id="second", files={"model.safetensors": b"others"}) == first
    assert store.read_model(KEY)[1] == b"weights"
    replacing = StageStore(open_storage(tmp_path), replace=True)
    third = publish(replacing, sweep_id="third", files={"model.safetensors": b"others"})
    assert (third["sweep_id"], list(third["files"])) == ("third", ["model.safetensors"])
    assert store.read_model(KEY) == (third, b"others")


BROKEN: list[tuple[Callable[[dict[str, Any]], Any], bool, str]] = [
    (lambda record: record.update(seed=1), False, "stage.json has changed since it was written"),
    (lambda record: record.update(key=OTHER), True, "stage.json has changed since it was written"),
    (lambda record: record.update(checksum="x"), False, "stage.json has changed since it was written"),
    (
        lambda record: record["files"].update({"../x.json": record["files"]["history.parquet"]}),
        True,
        "stage.json names files that are not beside it",
    ),
    (
        lambda record: record["files"]["history.parquet"].update(stored_as="/etc/x"),
        True,
        "stage.json names files that are not beside it",
    ),
    (lambda record: record.update(seed="0"), True, "stage.json cannot be read: seed: Input should be a valid integer"),
    (
        lambda record: record.update(kind="attack"),
        True,
        "stage.json cannot be read: examples: Field required",
    ),
    (
        lambda record: record["upstream"].update(model=KEY[1:]),
        True,
        "stage.json cannot be read: upstream.model: String should match pattern '^[0-9a-f]{64}$'",
    ),
    (lambda record: record.update(finished_at="now"), True, "stage.json cannot be read: finished_at: Value error"),
    (
        lambda record: record["files"]["history.parquet"].update(bytes=5),
        True,
        "history.parquet has 4 bytes instead of 5",
    ),
    (
        lambda record: record["files"]["history.parquet"].update(bytes=3),
        True,
        "history.parquet has 4 bytes instead of 3",
    ),
    (
        lambda record: record["files"]["history.parquet"].update(sha256="0" * 64),
        True,
        "history.parquet has changed since it was written",
    ),
    (
        lambda record: record["files"].update({"gone.json": record["files"]["history.parquet"]}),
        True,
        "gone.json is missing",
    ),
]


@pytest.mark.parametrize(("change", "sign", "message"), BROKEN, ids=range(len(BROKEN)))
def test_what_is_wrong_with_a_stage_is_named(
    tmp_path: Path, change: Callable[[dict[str, Any]], Any], sign: bool, message: str
) -> None:
    store = StageStore(open_storage(tmp_path))
    publish(store)
    change_record(tmp_path, change, sign=sign)
    with pytest.raises(CorruptArtifactError, match=f"^{re.escape(f'stage {KEY[:12]}: {message}')}"):
        store.verify(KEY)


def test_a_folder_without_its_record_is_no_stage_that_is_missing(tmp_path: Path) -> None:
    store = StageStore(open_storage(tmp_path))
    publish(store)
    (tmp_path / "stages" / KEY / "history.parquet").unlink()
    with pytest.raises(CorruptArtifactError, match=r"^stage a{12}: history\.parquet is missing$"):
        store.verify(KEY)
    (tmp_path / "stages" / KEY / "stage.json").unlink()
    with pytest.raises(CorruptArtifactError, match=r"^stage a{12}: stage\.json is missing$"):
        store.verify(KEY)
    assert not store.has(KEY)
    with pytest.raises(FileNotFoundError):
        store.read_record(KEY)
    aside = store.set_aside(KEY)
    assert re.fullmatch(rf"corrupt/{KEY}-\d{{8}}T\d{{6}}-[0-9a-f]{{4}}", aside)
    assert (tmp_path / aside / "model.safetensors").read_bytes() == b"weights"
    assert store.set_aside(KEY) == "another process did"


def test_who_can_do_without_a_file_gets_none_and_a_line_where_something_is_wrong(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = StageStore(open_storage(tmp_path))
    publish(store)
    warn_once.cache_clear()
    assert store.read_if_whole(KEY, "history.parquet") == b"rows"
    assert store.find_file(KEY, "history.parquet") == f"stages/{KEY}/history.parquet"
    for key, name in ((KEY, "examples.parquet"), (OTHER, "history.parquet")):
        assert store.read_if_whole(key, name) is None
        assert store.find_file(key, name) is None
    assert not caplog.records, "what is not there is nothing wrong"
    (tmp_path / "stages" / KEY / "history.parquet").write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        assert store.read_if_whole(KEY, "history.parquet") is None
        assert store.find_file(KEY, "history.parquet") is None
    assert [record.getMessage() for record in caplog.records] == [
        f"stage {KEY[:12]}: history.parquet has 0 bytes instead of 4; passed over",
        f"{tmp_path}/stages/{KEY}/history.parquet: is empty, or no file; passed over",
    ]


def test_on_an_object_store_files_are_named_by_their_content(tmp_path: Path) -> None:
    store = StageStore(open_as_bucket(tmp_path / "bucket"))
    record = publish(store)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    stored = {
        "model.safetensors": f"model-{digests['model.safetensors'][:16]}.safetensors",
        "history.parquet": f"history-{digests['history.parquet'][:16]}.parquet",
    }
    assert {name: entry["stored_as"] for name, entry in record["files"].items()} == stored
    assert list_file_names(record) == [file for name in sorted(FILES) for file in (name, stored[name])]
    assert {file.name for file in (tmp_path / "bucket" / "stages" / KEY).iterdir()} == {*stored.values(), "stage.json"}
    assert store.find_file(KEY, "history.parquet") == f"stages/{KEY}/{stored['history.parquet']}"
    assert store.find_file(KEY, "examples.parquet") is None
    assert store.read_file(record, "history.parquet") == b"rows"
    assert NodeCache.of_this_node().fetch(digests["model.safetensors"], bytes) == b"weights", "kept for this machine"
    assert store.verify(KEY) == record


def test_on_an_object_store_a_launch_compares_sizes_alone(tmp_path: Path) -> None:
    store = StageStore(open_as_bucket(tmp_path))
    record = publish(store)
    file = tmp_path / "stages" / KEY / record["files"]["history.parquet"]["stored_as"]
    file.write_bytes(b"ROWS")
    assert store.verify(KEY) == record
    with pytest.raises(CorruptArtifactError, match=r"history\.parquet has changed since it was written$"):
        store.read_file(record, "history.parquet")
    file.write_bytes(b"ROW")
    with pytest.raises(CorruptArtifactError, match=r"history\.parquet has 3 bytes instead of 4$"):
        store.verify(KEY)
    file.unlink()
    with pytest.raises(CorruptArtifactError, match=r"history\.parquet is missing$"):
        store.verify(KEY)


def damage_model(folder: Path, record: dict[str, Any]) -> Path:
    """Change a model on the object store, and forget it on this machine."""
    file = folder / "stages" / KEY / str(record["files"]["model.safetensors"]["stored_as"])
    file.write_bytes(b"WEIGHTS")
    (NodeCache.of_this_node().folder / record["files"]["model.safetensors"]["sha256"]).unlink()
    return file


def test_a_model_of_an_object_store_is_read_once_more_before_it_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, waited = StageStore(open_as_bucket(tmp_path)), list[float]()
    record = publish(store)
    file = damage_model(tmp_path, record)

    def mend(seconds: float) -> None:
        waited.append(seconds)
        file.write_bytes(b"weights")

    monkeypatch.setattr(time, "sleep", mend)
    assert store.read_model(KEY) == (record, b"weights")
    assert waited == [2.0]
    damage_model(tmp_path, record)
    monkeypatch.setattr(time, "sleep", waited.append)
    aside = r"set aside as corrupt/a{64}-.*, the next launch computes it again$"
    with pytest.raises(CorruptArtifactError, match=rf"model\.safetensors has changed since it was written; {aside}"):
        store.read_model(KEY)
    assert waited == [2.0, 2.0]
    assert not store.has(KEY)


def test_a_model_of_a_folder_is_read_once_and_stays_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, waited = StageStore(open_storage(tmp_path)), list[float]()
    publish(store, started_at=TIME)
    (tmp_path / "stages" / KEY / "model.safetensors").write_bytes(b"WEIGHTS")
    monkeypatch.setattr(time, "sleep", waited.append)
    with pytest.raises(CorruptArtifactError, match=r"model\.safetensors has changed since it was written$"):
        store.read_model(KEY)
    assert not waited
    assert store.has(KEY)
