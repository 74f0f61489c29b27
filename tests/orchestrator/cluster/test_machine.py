"""Whether Ray can run on a machine, which these tests make up."""

from __future__ import annotations

import resource
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import ray._common.utils
import ray._private.utils

from orchestrator.cluster.machine import check_machine, find_memory_shortage, find_private_parent
from tasks.errors import UsageError

GIB = 2**30


@pytest.mark.parametrize(
    ("limits", "allowed"),
    [((100, 200), 200), ((100, 255), 255), ((100, 256), None), ((300, 200), None), ((8, resource.RLIM_INFINITY), None)],
)
def test_a_process_must_be_able_to_open_enough_files(
    limits: tuple[int, int], allowed: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    if allowed is None:
        check_machine()
        return
    with pytest.raises(UsageError, match=f"may open {allowed} files here, and Ray needs 256"):
        check_machine()


def test_there_must_be_room_for_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    for free, fits in ((31_999_999, False), (32_000_000, True)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        if fits:
            check_machine()
        else:
            with pytest.raises(
                UsageError, match=r"has 32\.0 MB left, and a launch needs 32\.0 MB: remove.* 20 characters$"
            ):
                check_machine()


def test_a_long_temporary_folder_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, parent in (("/" + "a" * 19, "/" + "a" * 19), ("/" + "a" * 20, "/tmp")):
        monkeypatch.setattr(tempfile, "gettempdir", lambda name=name: name)
        assert find_private_parent() == Path(parent)


def test_memory_is_short_from_the_share_on_at_which_ray_ends_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray._common.utils, "get_system_memory", lambda: 100 * GIB)
    monkeypatch.delenv("RAY_memory_usage_threshold", raising=False)
    said = {}
    for used in (94, 95, 97):
        monkeypatch.setattr(ray._private.utils, "get_used_memory", lambda used=used: used * GIB)
        said[used] = find_memory_shortage()
    assert said == {
        94: None,
        95: "95.0 of 100.0 GiB of memory are in use, and from 95% on Ray ends processes",
        97: "97.0 of 100.0 GiB of memory are in use, and from 95% on Ray ends processes",
    }
    monkeypatch.setenv("RAY_memory_usage_threshold", "0.98")
    assert find_memory_shortage() is None
