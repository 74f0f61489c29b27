"""A storage on real APIs of object stores on loopback: several writers and readers, and services that fail."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.store.clean import find_leftovers
from orchestrator.store.presence import Presence
from orchestrator.store.storage_lock import hold_to_begin, hold_to_remove
from orchestrator.store.sweep_store import SweepStore
from tasks.errors import CorruptArtifactError, StorageRefusedError, UsageError
from tasks.keys import hash_json
from tasks.storage import stage_store
from tasks.storage.node_cache import NodeCache
from tasks.storage.object_store import ObjectStore
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import Storage, check_writable, open_storage
from tests.support.harness import LIMIT, advsweep
from tests.support.object_servers import Faulty, gcs, s3_of_a_user
from tests.support.stage_records import make_stage_record

FAILING = 5
"""Requests that fail one after another: more than the library of S3 itself tries again."""
PREFIXES = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[Faulty]:
    """The S3 of this module."""
    with s3_of_a_user() as started:
        yield started


@pytest.fixture
def storage(server: Faulty) -> Storage:  # noqa: ARG001 (it sets the environment)
    """A prefix of its own."""
    return open_storage(f"s3://bucket/{next(PREFIXES)}")


def publish_stage(storage: Storage, key: str, content: bytes) -> StageStore:
    """Publish a model stage."""
    store = StageStore(storage)
    draft = store.make_draft()
    (draft / "model.safetensors").write_bytes(content)
    (draft / "history.parquet").write_bytes(content[::-1])
    store.publish(key, draft, make_stage_record())
    return store


def finished_stage(storage: Storage, key: str, content: bytes = b"weights") -> StageStore:
    """A store with one model stage that somebody has published: nothing of it is in this node's cache."""
    store = publish_stage(storage, key, content)
    for file in NodeCache.of_this_node().folder.glob("?" * 64):
        file.unlink()
    return store


KEY = "c" * 64
FETCH = """
import sys
from tasks.storage.storage import open_storage
from tasks.storage.stage_store import StageStore
store = StageStore(open_storage(sys.argv[1]))
for _ in range(3):
    print(len(store.read_model(sys.argv[2])[1]))
"""


@pytest.mark.slow
def test_workers_of_a_node_fetch_a_model_once(server: Faulty, storage: Storage) -> None:
    finished_stage(storage, KEY, b"w" * 1_000_000)
    server.requests.clear()
    command = [sys.executable, "-c", FETCH, storage.uri, KEY]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) for _ in range(3)]
    assert [worker.communicate(timeout=LIMIT)[0].split() for worker in workers] == [["1000000"] * 3] * 3
    assert list(server.count("GET", r"model-\w+\.safetensors").values()) == [1]
    assert len(server.count("GET", r"stage\.json")) == 1


def test_the_cache_is_bounded_and_trusts_no_file(tmp_path: Path) -> None:
    cache = NodeCache(tmp_path, limit=25)
    contents = [bytes([number]) * 10 for number in range(4)]
    sums = [hashlib.sha256(content).hexdigest() for content in contents]
    for place, (checksum, content) in enumerate(zip(sums, contents, strict=True)):
        cache.keep(checksum, content)
        os.utime(tmp_path / checksum, (place, place))
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(sums[2:])
    cache.keep("x" * 64, b"larger than the whole cache")
    assert not (tmp_path / ("x" * 64)).exists()
    (tmp_path / sums[3]).write_bytes(b"planted")
    assert cache.fetch(sums[3], lambda: contents[3]) == contents[3]
    assert (tmp_path / sums[3]).read_bytes() == contents[3]
    unusable = NodeCache(tmp_path / sums[3] / "below a file", limit=100)
    assert unusable.fetch(sums[0], lambda: contents[0]) == contents[0]


@pytest.mark.slow
def test_a_model_that_changed_is_set_aside(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_store, "SETTLE", 0.0)
    store = finished_stage(storage, KEY)
    model = store.find_file(KEY, "model.safetensors")
    assert model is not None
    storage.write(model, b"changed")
    assert store.verify(KEY), "of the same size: a launch does not read it"
    with pytest.raises(CorruptArtifactError, match=r"model.safetensors has changed.*set aside as corrupt/.*the next"):
        store.read_model(KEY)
    assert not store.has(KEY)
    assert len(storage.list_names("corrupt")) == 1
    storage.write(model, b"half")
    with pytest.raises(CorruptArtifactError, match=r"stage.json is missing"):
        store.verify(KEY)
    finished_stage(storage, KEY)
    storage.write(model, b"cut")
    with pytest.raises(CorruptArtifactError, match="has 3 bytes instead of 7"):
        store.verify(KEY)


@pytest.mark.slow
@pytest.mark.parametrize("first", [0, 1], ids=["the first record is put last", "the second record is put last"])
def test_two_drivers_that_publish_a_stage_in_the_same_second_do_not_mix_files(
    storage: Storage, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both find it missing, both put all of their files, and then, in either order, their records."""
    all_files_are_put = threading.Barrier(2)
    write = ObjectStore.write
    earlier = threading.Event()

    def write_in_step(store: ObjectStore, name: str, content: bytes) -> None:
        if name.endswith("stage.json"):
            all_files_are_put.wait(LIMIT)
            if int(threading.current_thread().name) != first:
                write(store, name, content)
                earlier.set()
                return
            earlier.wait(LIMIT)
        write(store, name, content)

    monkeypatch.setattr(ObjectStore, "write", write_in_step)
    contents = [b"weights of the first", b"other weights, longer"]
    threads = [
        threading.Thread(target=publish_stage, args=(open_storage(storage.uri), KEY, content), name=str(number))
        for number, content in enumerate(contents)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    store = StageStore(storage)
    assert store.verify(KEY)
    record = store.read_record(KEY)
    assert store.read_file(record, "model.safetensors") == contents[first], "what its record was written with"
    for name in record["files"]:
        assert len(store.read_file(record, name)) == record["files"][name]["bytes"]


def test_a_stage_that_an_earlier_version_put_is_read(storage: Storage) -> None:
    """Its files stand under their plain names, and its record names no others."""
    store = finished_stage(storage, KEY)
    record = store.read_record(KEY)
    for name, entry in record["files"].items():
        storage.write(f"stages/{KEY}/{name}", store.read_file(record, name))
        storage.remove(f"stages/{KEY}/{entry.pop('stored_as')}")
    storage.write(f"stages/{KEY}/stage.json", json.dumps({**record, "checksum": hash_json(record)}).encode())
    assert store.verify(KEY) == record
    assert store.read_model(KEY) == (record, b"weights")


def test_the_first_artifact_of_a_key_stays(storage: Storage) -> None:
    store = finished_stage(storage, KEY, b"first")
    finished_stage(storage, KEY, b"other")
    assert store.read_model(KEY)[1] == b"first"


def test_who_begins_and_who_removes_see_each_other(storage: Storage) -> None:
    with hold_to_begin(storage, pytest.fail):
        with Presence(storage, "clean") as cleaner:
            assert len(cleaner.find_others("launch")) == 1
        with Presence(storage, "launch") as launch:
            assert not launch.find_others("clean")
    with hold_to_remove(storage, pytest.fail), Presence(storage, "launch") as launch:
        assert len(launch.find_others("clean")) == 1
    assert not storage.list_names("busy")


def test_lines_are_appended_by_several_processes_in_turn(storage: Storage) -> None:
    other = open_storage(storage.uri)
    for number, writer in enumerate((storage, storage, other, storage, other, other)):
        writer.append("sweeps/a/logs/failures.log", f"line {number}")
    assert storage.read("sweeps/a/logs/failures.log").split(b"\n") == [*(b"line %d" % n for n in range(6)), b""]


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["slow down", "drop"])
def test_a_service_that_fails_for_a_while_is_waited_for(server: Faulty, storage: Storage, fault: str) -> None:
    failed = server.failed
    server.fail(fault, FAILING)
    storage.write("a/b", b"written")
    server.fail(fault, FAILING)
    assert storage.read("a/b") == b"written"
    assert server.failed == failed + 2 * FAILING


@pytest.mark.parametrize(
    ("settings", "uri", "message"),
    [
        ({"AWS_ACCESS_KEY_ID": "other"}, "s3://bucket/x", "the credentials were not accepted"),
        ({}, "s3://no-such-bucket/x", "there is no such bucket"),
        pytest.param(  # the library of S3 itself tries for seconds
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "s3://bucket/x", "no connection", marks=pytest.mark.slow
        ),
    ],
    ids=["credentials", "bucket", "address"],
)
def test_a_storage_that_cannot_be_had_is_said_before_anything_starts(
    server: Faulty, settings: dict[str, str], uri: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**settings, "ADVSWEEP_STORAGE_TIMEOUT": "1", "AWS_MAX_ATTEMPTS": "1"}.items():
        monkeypatch.setenv(name, value)
    before = len(server.puts("/bucket/"))
    with pytest.raises(UsageError, match=rf"^--storage {uri}: cannot be written: {message} \("):
        check_writable(open_storage(uri))
    with pytest.raises((StorageRefusedError, OSError), match=message):
        open_storage(uri).list_names("sweeps")
    assert len(server.puts("/bucket/")) == before


@pytest.mark.slow
def test_such_a_storage_is_one_line_and_exit_code_2(server: Faulty) -> None:  # noqa: ARG001
    for command in (["launch", "--space", "smoke"], ["status"]):
        shown = advsweep(*command, "--storage", "s3://no-such-bucket/x", code=2).stderr
        assert re.fullmatch(r"error: .*s3://no-such-bucket/x: .*there is no such bucket.*\n", shown), shown


def test_the_endpoint_may_stand_in_the_uri(server: Faulty, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    endpoint = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    storage = open_storage(f"s3://bucket/queried?endpoint_override={endpoint}&scheme=http&region=eu-west-3")
    storage.write("a", b"content")
    assert storage.read("a") == b"content"
    assert storage.describe_place("sweeps/x") == "s3://bucket/queried/sweeps/x"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://{endpoint}")
    assert open_storage("s3://bucket/queried").read("a") == b"content"
    assert not SweepStore(storage, "none").exists


@pytest.mark.slow
def test_google_cloud_storage_keeps_stages_logs_and_sweeps() -> None:
    with gcs() as uri:
        storage = open_storage(uri)
        check_writable(storage)
        store = finished_stage(storage, KEY)
        assert (store.list_keys(), store.has(KEY), store.has("l" * 64)) == ([KEY], True, False)
        assert store.verify(KEY)
        assert store.read_model(KEY)[1] == b"weights"
        assert store.verify("l" * 64) is None
        finished_stage(storage, KEY, b"other")
        assert store.read_model(KEY)[1] == b"weights"
        storage.write(f"checkpoints/{KEY}.safetensors", b"1")
        storage.write(f"checkpoints/{KEY}.safetensors", b"22")
        assert storage.get_size(f"checkpoints/{KEY}.safetensors") == 2
        storage.write("sweeps/a/plan.json", b'{"format": 1, "sweep_id": "a", "space": "a", "trials": [], "stages": {}}')
        for line in ("one", "two"):
            storage.append("sweeps/a/logs/failures.log", line)
        assert storage.read("sweeps/a/logs/failures.log") == b"one\ntwo\n"
        assert storage.describe_place("sweeps/a") == "gs://bucket/team/sweeps/a"
        assert store.set_aside(KEY).startswith("corrupt/")
        assert (store.list_keys(), len(storage.list_names("corrupt"))) == ([], 1)
        assert {item.name.partition("/")[0] for item in find_leftovers(storage)} == {"checkpoints", "corrupt"}
        for name in ("checkpoints", "corrupt", "sweeps"):
            storage.remove(name)
        assert storage.list_sizes("") == {}
        with pytest.raises(UsageError, match=r"no-such-bucket.*cannot be written"):
            check_writable(open_storage(uri.replace("@bucket", "@no-such-bucket")))
