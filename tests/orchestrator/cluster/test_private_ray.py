"""Nothing of ours runs into a Ray that shuts down: it would end the process."""

from __future__ import annotations

import contextlib
import gc
import importlib
import logging
import os
import signal
import stat
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from ray._private import node, ray_constants, services, utils

from orchestrator.cluster import private_ray
from orchestrator.cluster.guard import MARK, bury
from orchestrator.cluster.private_ray import (
    remove_remains,
    shut_down_ray,
    start_private_ray,
    start_ray,
    use_private_folder,
)


class Node:
    """Part of a cycle, as errors with their tracebacks are, which may hold references of Ray."""

    def __init__(self) -> None:
        self.itself = self


def test_what_the_collector_would_free_goes_before_and_the_collector_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    left = weakref.ref(Node())
    met: list[tuple[bool, bool]] = []
    monkeypatch.setattr(ray, "shutdown", lambda: met.append((left() is None, gc.isenabled())))
    shut_down_ray()
    assert met == [(True, False)]
    assert gc.isenabled()


def test_a_collector_that_rested_before_rests_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    gc.disable()
    try:
        shut_down_ray()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_the_collector_works_again_after_a_shutdown_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError

    monkeypatch.setattr(ray, "shutdown", fail)
    with pytest.raises(RuntimeError):
        shut_down_ray()
    assert gc.isenabled()


class Start:
    """What a private Ray is started with, and what was done around it, without any Ray."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[str] = []
        self.options: dict[str, Any] = {}
        self.variables: dict[str, str] = {}
        self.constants: list[Any] = []
        monkeypatch.setattr(private_ray, "guard", lambda folder: self.surround(f"guard of {folder.name}"))
        monkeypatch.setattr(private_ray, "watch_start", lambda folder: self.surround(f"watch of {folder.name}"))
        monkeypatch.setattr(private_ray, "start_ray", self.start)
        monkeypatch.setattr(private_ray, "shut_down_ray", lambda: self.events.append("shut down"))
        loader = SimpleNamespace(reset_cache=self.read)
        self.raylet = SimpleNamespace(
            Config=SimpleNamespace(initialize=lambda text: self.events.append(f"config {text}")),
            AuthenticationTokenLoader=SimpleNamespace(instance=lambda: loader),
        )
        load = importlib.import_module
        monkeypatch.setattr(importlib, "import_module", lambda name: self.raylet if "_raylet" in name else load(name))
        monkeypatch.setattr(private_ray, "make_job_config", lambda folders: ("job", folders))
        monkeypatch.setattr(private_ray, "list_code_folders", lambda: [Path("/code")])

    @contextlib.contextmanager
    def surround(self, name: str) -> Iterator[None]:
        self.events.append(name)
        yield
        self.events.append(f"end of {name}")

    def read(self) -> None:
        self.events.append("read by token" if "RAY_AUTH_TOKEN_PATH" in os.environ else "read")

    def start(self, **options: Any) -> None:
        self.events.append("start")
        self.options, self.variables = options, dict(os.environ)
        self.constants = [
            ray_constants.ENABLE_RAY_CLUSTER,
            type(utils.get_dashboard_dependency_error()),
            services.start_ray_process.keywords,
            [getattr(node.Node, name)(None) for name in private_ray.UNNEEDED],
        ]


def test_a_private_ray_is_started_on_loopback_with_a_token_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = Start(monkeypatch)
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    before = [ray_constants.ENABLE_RAY_CLUSTER, utils.get_dashboard_dependency_error, services.start_ray_process]
    before += [getattr(node.Node, name) for name in private_ray.UNNEEDED]
    scratch = tmp_path / "ray"
    scratch.mkdir()
    with start_private_ray(scratch, 3, 2):
        start.events.append("inside")
        token = scratch / "token"
        assert stat.S_IMODE(token.stat().st_mode) == 0o600
        assert len(bytes.fromhex(token.read_text())) == 32
    assert start.events == [
        "guard of ray", "config ", "read by token", "watch of ray", "start", "end of watch of ray", "inside",
        "shut down", "end of guard of ray", "config ", "read",
    ]  # fmt: skip
    assert start.options == {
        "address": "local", "num_cpus": 3, "num_gpus": 2, "include_dashboard": False, "_node_ip_address": "127.0.0.1",
        "job_config": ("job", [Path("/code")]), "_temp_dir": f"{scratch}/ray", "log_to_driver": False,
        "logging_level": logging.ERROR, "configure_logging": True,
    }  # fmt: skip
    variables = {
        "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": f"{scratch}/token", MARK: str(scratch),
        "TMPDIR": f"{scratch}/tmp", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "PYTHONSAFEPATH": "1",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }  # fmt: skip
    assert {name: start.variables.get(name) for name in variables} == variables
    assert (scratch / "tmp").is_dir()
    assert not {"RAY_AUTH_MODE", MARK} & set(os.environ)
    assert start.constants == [False, ImportError, {"cwd": str(scratch)}, [None, None, None]]
    after = [ray_constants.ENABLE_RAY_CLUSTER, utils.get_dashboard_dependency_error, services.start_ray_process]
    assert after + [getattr(node.Node, name) for name in private_ray.UNNEEDED] == before


def test_how_ray_authenticates_stays_as_somebody_has_decided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = Start(monkeypatch)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    with pytest.raises(ValueError, match="of the sweep"), start_private_ray(tmp_path, 1, 0):
        raise ValueError("of the sweep")
    assert start.variables["RAY_AUTH_MODE"] == "disabled"
    assert "RAY_AUTH_TOKEN_PATH" not in start.variables
    assert "shut down" in start.events


def test_sigterm_stays_ours_and_what_it_meant_to_ray_is_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, Any]] = []

    def own(*_: object) -> None: ...

    def init(**options: Any) -> None:
        given.append(options)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if len(given) == 2:
            raise SystemExit(15)

    monkeypatch.setattr(ray, "init", init)
    before = signal.signal(signal.SIGTERM, own)
    try:
        start_ray(address="local", num_cpus=3)
        assert signal.getsignal(signal.SIGTERM) is own
        with pytest.raises(KeyboardInterrupt):
            start_ray()
        assert signal.getsignal(signal.SIGTERM) is own
    finally:
        signal.signal(signal.SIGTERM, before)
    assert given == [{"address": "local", "num_cpus": 3}, {}]


def test_remains_are_looked_for_where_folders_are_made_and_where_they_might_have_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Any] = []
    short, long = tmp_path / "short", tmp_path / "long"
    short.mkdir()
    monkeypatch.setattr(private_ray, "find_private_parent", lambda: short)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(long))
    monkeypatch.setattr(private_ray, "remove_dead_folders", lambda place, before: looked.append((place, before)))
    remove_remains()
    assert sorted(place for place, _ in looked) == [long, short]
    assert all(before is bury for _, before in looked)
    with use_private_folder() as folder:
        assert (folder.parent, folder.is_dir(), len(looked)) == (short, True, 4)
    assert not folder.exists()
