"""What may pass is tried again, for a bounded time; the rest is not."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from tasks.errors import StorageGoneError, StorageRefusedError, UsageError
from tasks.storage.retrying import TIMEOUT, is_transient, retry_patiently
from tasks.storage.storage import open_storage


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
