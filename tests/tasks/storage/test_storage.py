"""A storage that goes away for a while, one that cannot be had, and names that lead out of it."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import StorageGoneError, StorageRefusedError, UsageError
from tasks.storage.retrying import TIMEOUT, is_transient, retry_patiently
from tasks.storage.storage import Storage, check_writable, establish_storage, open_storage

AWAY = 0.15
"""Seconds that a storage is away in these tests."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A storage with one file and one finished folder."""
    storage = open_storage(tmp_path / "storage")
    establish_storage(storage)
    storage.write("sweeps/a/plan.json", b"{}")
    publish(storage, "stages/first")
    return tmp_path / "storage"


def publish(storage: Storage, folder: str) -> bool:
    draft = storage.make_scratch_folder()
    (draft / "model").write_bytes(b"weights")
    (draft / "stage.json").write_bytes(b"{}")
    return storage.publish(draft, folder, last="stage.json")


@contextmanager
def away(folder: Path, seconds: float = AWAY) -> Iterator[None]:
    """Take a folder away now, and bring it back later."""
    aside = folder.with_name("aside")
    folder.rename(aside)
    back = threading.Timer(seconds, lambda: aside.rename(folder))
    back.start()
    yield
    back.join()


OPERATIONS: list[tuple[Callable[[Storage], Any], Any]] = [
    (lambda storage: storage.read("sweeps/a/plan.json"), b"{}"),
    (lambda storage: storage.write("sweeps/a/space.yaml", b"x"), None),
    (lambda storage: storage.append("sweeps/a/logs/failures.log", "x"), None),
    (lambda storage: storage.exists("stages/first/stage.json"), True),
    (lambda storage: storage.get_size("stages/first/model"), 7),
    (lambda storage: storage.list_names("stages"), ["first"]),
    (lambda storage: publish(storage, "stages/second"), True),
    (lambda storage: storage.set_aside("stages/first", "first").startswith("corrupt/first-"), True),
    (lambda storage: storage.remove("stages/first"), None),
]


@pytest.mark.parametrize(("operation", "expected"), OPERATIONS, ids=range(len(OPERATIONS)))
def test_a_folder_that_is_away_is_waited_for(folder: Path, operation: Any, expected: Any) -> None:
    storage = open_storage(folder)
    with away(folder):
        started = time.monotonic()
        assert operation(storage) == expected
        assert time.monotonic() - started >= AWAY * 0.9


def test_a_worker_that_starts_while_the_folder_is_away_waits_too(folder: Path) -> None:
    with away(folder):
        assert open_storage(folder, established=True).read("sweeps/a/plan.json") == b"{}"


def test_an_empty_mount_point_is_no_new_storage(folder: Path) -> None:
    """What an unmounted disk leaves is a folder without anything in it."""
    storage = open_storage(folder)
    aside = folder.with_name("aside")
    folder.rename(aside)
    folder.mkdir()

    def mount() -> None:
        folder.rmdir()  # fails where something was written to it meanwhile
        aside.rename(folder)

    back = threading.Timer(AWAY, mount)
    back.start()
    storage.write("sweeps/a/late", b"x")
    back.join()
    assert (folder / "sweeps/a/late").read_bytes() == b"x"
    assert (folder / "sweeps/a/plan.json").exists()


def test_a_storage_that_stays_away_is_given_up_with_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TIMEOUT, "0.3")
    storage = open_storage(folder)
    folder.rename(folder.with_name("aside"))
    with pytest.raises(StorageGoneError, match=r"storage did not answer for 0.3 s: the storage folder is away"):
        storage.write("sweeps/a/space.yaml", b"x")
    assert not folder.exists(), "it is not made again beside the one that is away"


@pytest.mark.parametrize("setting", ["soon", "-1", "nan", "inf"])
def test_a_timeout_is_a_number_of_seconds(setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TIMEOUT, setting)
    with pytest.raises(UsageError, match=f"{TIMEOUT} = '{setting}': is not a number of seconds"):
        open_storage(tmp_path)


PASSING: list[tuple[OSError, bool]] = [
    (OSError(errno.EIO, "x"), True),
    (OSError(errno.ESTALE, "x"), True),
    (OSError(errno.ENOSPC, "x"), False),
    (PermissionError(errno.EACCES, "x"), False),
    (FileNotFoundError(errno.ENOENT, "x"), False),
    (OSError(errno.EROFS, "x"), False),
    (OSError("AWS Error SLOW_DOWN during PutObject operation: Please reduce your request rate."), True),
    (OSError("AWS Error UNKNOWN (HTTP status 503) during HeadObject operation: No response body."), True),
    (OSError("AWS Error UNKNOWN (HTTP status 429) during HeadObject operation: No response body."), True),
    (OSError("AWS Error NETWORK_CONNECTION during ListObjectsV2 operation: curlCode: 7"), True),
    (OSError("AWS Error UNKNOWN (HTTP status 400) during ListObjectsV2 operation: ExpiredToken"), False),
    (OSError("AWS Error ACCESS_DENIED during PutObject operation: Access Denied"), False),
    (OSError("AWS Error SIGNATURE_DOES_NOT_MATCH during PutObject operation"), False),
    (OSError("AWS Error NO_SUCH_BUCKET during PutObject operation: The specified bucket does not exist"), False),
    (OSError("google::cloud::Status(UNAVAILABLE: try again)"), True),
    (OSError("google::cloud::Status(PERMISSION_DENIED: no)"), False),
]


@pytest.mark.parametrize(("error", "passes"), PASSING, ids=[str(error) for error, _ in PASSING])
def test_only_what_may_pass_is_tried_again(error: OSError, passes: bool) -> None:
    calls = []

    def fail_twice() -> str:
        calls.append(1)
        if len(calls) < 3:
            raise error
        return "done"

    assert is_transient(error) is passes
    if passes:
        assert retry_patiently(fail_twice, seconds=30, where="x") == "done"
    else:
        with pytest.raises(OSError) as raised:  # noqa: PT011 (it is compared)
            retry_patiently(fail_twice, seconds=30, where="x")
        if error.errno is None:
            assert isinstance(raised.value, StorageRefusedError)
            assert raised.value.__cause__ is error
        else:
            assert raised.value is error
        assert len(calls) == 1


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", "a//b", "a/./b", "a\\b", "a\0b", ".."])
def test_no_name_leads_out_of_a_storage(name: str, folder: Path) -> None:
    storage = open_storage(folder)
    calls = (
        storage.read,
        storage.exists,
        storage.get_size,
        storage.list_sizes,
        storage.list_names,
        storage.remove,
        storage.path,
    )
    for call in calls:
        with pytest.raises(UsageError, match="is no name in a storage"):
            call(name)
    for writing in (
        lambda: storage.write(name, b""),
        lambda: storage.append(name, ""),
        lambda: publish(storage, name),
        lambda: storage.set_aside(name, "x"),
    ):
        with pytest.raises(UsageError, match="is no name in a storage"):
            writing()
    with pytest.raises(UsageError, match="not removed as a whole"):
        storage.remove("")


def test_links_do_not_lead_out_of_a_storage(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "kept").mkdir(parents=True)
    (outside / "kept" / "file").write_text("kept")
    (folder / "stages" / "link").symlink_to(outside / "kept")
    (folder / "checkpoints").symlink_to(outside)
    storage = open_storage(folder)
    assert storage.list_sizes("stages/link").keys() == {""}, "the link itself, not what is behind it"
    for call in (
        lambda: storage.remove("checkpoints/kept"),
        lambda: storage.remove("stages/link/file"),
        lambda: storage.write("checkpoints/x", b""),
        lambda: storage.append("checkpoints/x", ""),
        lambda: publish(storage, "checkpoints/x"),
    ):
        with pytest.raises(UsageError, match="is a link that leads out of the storage"):
            call()
    storage.remove("stages/link")
    storage.remove("checkpoints")
    assert sorted(os.walk(outside)) == [(str(outside), ["kept"], []), (str(outside / "kept"), [], ["file"])]


def test_a_storage_behind_a_link_is_one(tmp_path: Path) -> None:
    (tmp_path / "large disk").mkdir()
    (tmp_path / "results").symlink_to(tmp_path / "large disk")
    storage = open_storage(tmp_path / "results")
    check_writable(storage)
    assert publish(storage, "stages/first")
    assert not publish(storage, "stages/first")
    assert storage.read("stages/first/model") == b"weights"


SECRET = "S3cr3tKey"


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        (f"s3://KEY:{SECRET}@bucket/x", "a key in the URI would be seen by others"),
        (f"s3://bucket/x?endpoint_override=http://u:{SECRET}@h", "a key in the endpoint would be seen by others"),
        (f"s3://bucket/x?secret_key={SECRET}", "unknown option 'secret_key'; choose from endpoint_override"),
        (f"gs://{SECRET}@bucket/x", "a key in the URI would be seen by others"),
        (f"s4://{SECRET}@bucket/x", "did you mean 's3://'?"),
        (f"http://user:{SECRET}@host/x", "choose from file://, gs://, s3://"),
        ("s3:///x", "name a bucket, such as s3://bucket/results"),
        (f"s3://[{SECRET}", "Invalid IPv6"),
    ],
)
def test_a_uri_that_cannot_be_is_refused_and_not_repeated(uri: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        open_storage(uri)
    assert message in str(raised.value)
    assert SECRET not in str(raised.value)
