"""What an address means, what travels to a cluster, and what no cluster could run: without any Ray."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import ray
from rich.console import Console

from orchestrator import launch as story
from orchestrator.cli.app import app
from orchestrator.cluster.address import AddressKind, parse_address
from orchestrator.cluster.capacity import Growth, Shape, check_fits, read_growth, read_node_types
from orchestrator.cluster.packages import EXCLUDES, build_runtime_environment, count_code_bytes, list_package_folders
from orchestrator.cluster.survey import NodeReport, check_nodes, collect_versions
from orchestrator.launch import launch
from orchestrator.options import LaunchOptions, format_arguments
from orchestrator.remote import attached_driver as attached
from orchestrator.remote.submission import JobSubmission
from orchestrator.space import space as spaces
from orchestrator.space.resources import Resources
from tasks.errors import UsageError
from tasks.storage.storage import open_storage


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("local", AddressKind.private),
        ("auto", AddressKind.joined),
        ("10.0.0.1:6379", AddressKind.joined),
        ("[::1]:6379", AddressKind.joined),
        ("ray://head:10001", AddressKind.client),
        ("http://head:8265", AddressKind.job),
        ("https://ray.example.org", AddressKind.job),
    ],
)
def test_an_address_says_where_the_driver_runs(text: str, place: AddressKind) -> None:
    assert parse_address(text).place is place
    assert parse_address(text).remote == (place in (AddressKind.client, AddressKind.job))


@pytest.mark.parametrize("text", ["", "head", "ftp://head", "http://", "ray:head", "http://me:hunter2@head:8265"])
def test_other_addresses_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--address") as refused:
        parse_address(text)
    assert "hunter2" not in str(refused.value)


EVERYTHING = LaunchOptions(
    "mine.yaml",
    overrides=["prune.ratio=0.3", "seed=1"],
    storage="s3://bucket/sweeps",
    data_dir=Path("/data"),
    address="auto",
    cpus_per_trial=2,
    gpus_per_trial=0.25,
    max_concurrent=3,
    max_failures=4,
    max_preemptions=5,
    timeouts=["train=60"],
    wandb="online",
    project="mine",
    dry_run=True,
    fresh=True,
    verify=True,
)
"""No option of the command line has its default."""


def test_every_option_of_a_launch_reaches_the_head(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = {option.name: option.default for option in fields(LaunchOptions) if option.name != "cpus"}
    assert all(getattr(EVERYTHING, name) != default for name, default in defaults.items())
    read: list[LaunchOptions] = []
    monkeypatch.setattr(story, "launch", lambda options, _: read.append(options))
    with pytest.raises(SystemExit):
        app(["launch", *format_arguments(EVERYTHING)])
    assert read == [EVERYTHING]


def test_what_has_its_default_is_left_out() -> None:
    assert format_arguments(LaunchOptions("smoke")) == ("--space=smoke",)


@pytest.mark.parametrize(
    ("storage", "message"),
    [
        ("results", "a folder of this machine"),
        ("s3://me:hunter2@bucket/sweeps", "let the nodes have the keys"),
        ("s3://bucket/sweeps?secret_key=hunter2", "let the nodes have the keys"),
    ],
)
def test_a_storage_that_must_not_travel_is_refused(storage: str, message: str) -> None:
    options = LaunchOptions("smoke", storage=storage, address="http://127.0.0.1:1")
    with pytest.raises(UsageError, match=message) as refused:
        launch(options, Console(quiet=True))
    assert "hunter2" not in str(refused.value)


def test_only_our_packages_travel_and_no_variable() -> None:
    environment = build_runtime_environment()
    assert environment == {"py_modules": [str(folder) for folder in list_package_folders()], "excludes": EXCLUDES}
    assert [folder.name for folder in list_package_folders()] == ["advsweep", "orchestrator", "tasks", "search_spaces"]
    assert count_code_bytes() < 2e6


GPU = Shape("node", 4, 1)


@pytest.mark.parametrize(
    ("asked", "nodes", "growth", "fits"),
    [
        (Resources(cpus=1, gpus=0.25), [GPU], Growth(), True),
        (Resources(cpus=8), [GPU, GPU], Growth(), False),
        (Resources(cpus=1, gpus=2), [GPU], Growth([Shape("type big", 8, 4)]), True),
        (Resources(cpus=1, gpus=8), [GPU], Growth([Shape("type big", 8, 4)]), False),
        (Resources(cpus=1, gpus=8), [GPU], Growth(known=False), True),
        (Resources(), [Shape("node", 0, 0)], Growth(), False),
    ],
)
def test_a_request_fits_on_one_node_or_is_refused(
    asked: Resources, nodes: list[Shape], growth: Growth, fits: bool
) -> None:
    if fits:
        check_fits({"attack": asked}, nodes, growth)
        return
    with pytest.raises(UsageError, match=r"attack asks for .* no node of the cluster has that"):
        check_fits({"attack": asked}, nodes, growth)


def test_what_an_autoscaler_may_start_is_read_from_its_file(tmp_path: Path) -> None:
    types = {"a": {"resources": {"CPU": 4, "GPU": 1}, "max_workers": 2}, "head": {"resources": {}, "max_workers": 0}}
    file = tmp_path / "cluster.yaml"
    file.write_text(json.dumps({"available_node_types": types, "max_workers": 8}))
    assert read_growth(["python", "monitor.py", f"--autoscaling-config={file}"]) == Growth((Shape("type a", 4, 1),))
    assert read_growth(["python", "monitor.py"]) == Growth(), "a cluster that was started by hand"
    assert not read_growth(None).known, "one whose autoscaler is elsewhere"
    assert not read_node_types({"available_node_types": {"a": {"resources": {}}}, "max_workers": 1}).known


def test_a_node_that_differs_is_named(tmp_path: Path) -> None:
    storage, here = open_storage(tmp_path), collect_versions()
    check_nodes([NodeReport("n1", GPU, versions=here)], storage, None)
    check_nodes([NodeReport("n1", Shape("node", 0, 0), versions=here | {"torch": "1.0"})], storage, None)
    for name in ("torch", "python", "ray", "advsweep code"):
        with pytest.raises(UsageError, match=f"node n1 has {name} 1.0, the driver has"):
            check_nodes([NodeReport("n1", GPU, versions=here | {name: "1.0"})], storage, None)
    with pytest.raises(UsageError, match="node n1 does not see what the driver writes"):
        check_nodes([NodeReport("n1", GPU, versions=here, sees_storage=False)], storage, None)
    with pytest.raises(UsageError, match="--data-dir /data: does not exist on node n1"):
        check_nodes([NodeReport("n1", GPU, versions=here, sees_data=False)], storage, Path("/data"))


def test_resources_of_a_kind_are_set_on_the_command_line() -> None:
    space = spaces.load("smoke", ["resources.attack.gpus=0.25", "resources.train={cpus: 4, gpus: 1}"])
    assert space.resources.of("attack") == Resources(cpus=1, gpus=0.25)
    assert space.resources.of("train").threads == 4
    with pytest.raises(UsageError, match="did you mean 'gpus'"):
        spaces.load("smoke", ["resources.attack.gpu=1"])


def test_a_head_that_is_busy_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def refuse(address: str, **_: Any) -> None:
        asked.append(address)
        raise ConnectionAbortedError("Initialization failure from server:\nTraceback\n  ...\nRuntimeError: too busy")

    monkeypatch.setattr(ray, "init", refuse)
    monkeypatch.setattr(attached, "check_answers", lambda _: None)
    errand = JobSubmission("small", 8, (), {}, "s3://bucket")
    with pytest.raises(UsageError, match=r"Initialization failure from server: RuntimeError: too busy"):
        attached.run_attached(errand, parse_address("ray://127.0.0.1:1"), Console())
    assert len(asked) == attached.ATTEMPTS
