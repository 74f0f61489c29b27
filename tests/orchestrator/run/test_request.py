"""What can never be met is refused at once."""

from __future__ import annotations

import resource
import socket
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cluster import capacity, machine, placement
from orchestrator.cluster.address import parse_address
from orchestrator.options import LaunchOptions
from orchestrator.plan.plan import Plan, make_plan
from orchestrator.run import request
from orchestrator.run.request import check_request
from orchestrator.space import space as spaces
from tasks.errors import UsageError
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import open_storage
from tests.conftest import CONFIG


def make(resources: dict[str, Any] | None = None) -> Plan:
    return make_plan(spaces.build("test", "test", {**CONFIG, "resources": resources or {}}), None)


def check(plan: Plan, folder: Path, **options: Any) -> None:
    asked = LaunchOptions("test", storage=str(folder), **{"cpus": 2, **options})
    check_request(plan, open_storage(folder), asked, parse_address(asked.address))


def test_what_fits_is_let_through_and_nothing_is_written(tmp_path: Path) -> None:
    check(make({"train": {"cpus": 2}}), tmp_path / "storage")
    assert not (tmp_path / "storage").exists()


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"train": {"cpus": 3}}, "train asks for 3 CPUs and 0 GPUs; no node has that. There is: 1 x this machine of 2"),
        ({"attack": {"gpus": 0.25}}, r"attack asks for 1 CPU and 0.25 GPUs; .* of 2 CPUs and 0 GPUs"),
    ],
)
def test_a_kind_that_asks_for_more_than_this_machine_has_is_named(
    resources: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placement, "count_usable_gpus", lambda: 0)
    with pytest.raises(UsageError, match=message):
        check(make(resources), tmp_path)


def test_the_device_that_is_asked_for_is_what_stages_are_placed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placement, "count_usable_gpus", lambda: 0)
    check(make(), tmp_path)
    with pytest.raises(UsageError, match="--device cuda"):
        check(make(), tmp_path, device="cuda")


def test_what_is_stored_asks_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make({"train": {"cpus": 3}})
    train = next(key for key, stage in plan.stages.items() if stage.kind == "train")
    monkeypatch.setattr(StageStore, "list_keys", lambda _: [train])
    check(plan, tmp_path)
    with pytest.raises(UsageError, match="train asks for 3 CPUs"):
        check(plan, tmp_path, fresh=True)


def test_gpus_are_counted_as_ray_counts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from ray._private import accelerators

    manager = accelerators.get_accelerator_manager_for_resource("GPU")
    monkeypatch.setattr(manager, "get_current_node_num_accelerators", lambda: 4)
    monkeypatch.setattr(manager, "get_current_process_visible_accelerator_ids", lambda: ["0", "2"])
    assert capacity.count_usable_gpus() == 2
    monkeypatch.setattr(manager, "get_current_process_visible_accelerator_ids", lambda: None)
    assert capacity.count_usable_gpus() == 4


@pytest.mark.parametrize("address", ["127.0.0.1:1", "auto"])
def test_a_cluster_that_is_not_there_is_named(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(UsageError, match=r"--address [\d.]+:1: nothing answers there"):
        check(make(), tmp_path, address=address)


def test_a_machine_of_no_cluster_has_nothing_to_join(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ray._private import services

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(services, "find_gcs_addresses", set)
    monkeypatch.setattr(services, "find_bootstrap_address", lambda _: None)
    with pytest.raises(UsageError, match="--address auto: this machine belongs to no Ray cluster"):
        check(make(), tmp_path, address="auto")


@pytest.mark.parametrize(
    ("options", "variables", "message"),
    [
        ({"max_concurrent": 0}, {}, "--max-concurrent 0: should be at least 1"),
        ({}, {"ADVSWEEP_HEAD_TIMEOUT": "x"}, "ADVSWEEP_HEAD_TIMEOUT"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(
    options: dict[str, Any], variables: dict[str, str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=message):
        check(make(), tmp_path, **options)


def test_a_storage_that_cannot_be_written_is_found_before_ray_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise UsageError("cannot be written")

    monkeypatch.setattr(request, "check_writable", refuse)
    with pytest.raises(UsageError, match="cannot be written"):
        check(make(), tmp_path)


def test_a_limit_of_open_files_is_named_where_it_is_too_low(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 64))
    with pytest.raises(UsageError, match=r"a process may open 64 files here, and Ray needs 256.*ulimit -n"):
        machine.check_machine()
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 4096))
    machine.check_machine()  # Ray raises its own limit


def test_a_machine_without_loopback_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(UsageError, match=r"cannot reach each other on 127.0.0.1.*Network is unreachable"):
        machine.check_machine()
