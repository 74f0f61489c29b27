"""A Ray is started or joined with what was asked for, and why one could not be joined is said in one line."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray

from orchestrator.cluster import connect
from orchestrator.cluster.address import Address
from orchestrator.cluster.connect import JOB_CONFIG, TOKEN_HINT, Cluster, connect_cluster, explain_joining_problem
from orchestrator.cluster.private_ray import QUIET
from tasks.errors import UsageError


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionError("refused\nat line 3"), "refused"),
        (RuntimeError("It failed:\ntraceback\nValueError: versions differ"), "It failed: ValueError: versions differ"),
        (ValueError("  \n"), "ValueError"),
    ],
)
def test_the_reason_is_the_first_line_or_what_it_announces(
    error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    assert explain_joining_problem(error) == f"no Ray cluster could be joined there: {reason}; {TOKEN_HINT}"
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    assert explain_joining_problem(error) == f"no Ray cluster could be joined there: {reason}"


class Made:
    """What of Ray was started, joined and left."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[Any] = []
        self.error: Exception | None = None
        monkeypatch.setattr(connect, "use_private_folder", lambda: contextlib.nullcontext(Path("/made")))
        monkeypatch.setattr(connect, "count_usable_cpus", lambda: 6)
        monkeypatch.setattr(connect, "count_usable_gpus", lambda: 4)
        monkeypatch.setattr(connect, "start_private_ray", self.start)
        monkeypatch.setattr(connect, "check_answers", lambda address: self.events.append(address))
        monkeypatch.setattr(connect, "start_ray", self.join)
        monkeypatch.setattr(connect, "shut_down_ray", lambda: self.events.append("left"))
        monkeypatch.setattr(connect, "build_runtime_environment", lambda: {"py_modules": ["code"]})
        monkeypatch.setattr(connect, "make_job_config", lambda: "job")
        monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 9.0, "memory": 5.0})
        monkeypatch.delenv(JOB_CONFIG, raising=False)

    @contextlib.contextmanager
    def start(self, *words: Any) -> Iterator[None]:
        self.events.append((*words, {name: os.environ[name] for name in connect.ENVIRONMENT}))
        yield
        self.events.append("ended")

    def join(self, **options: Any) -> None:
        self.events.append(options)
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize(
    ("asked", "given"), [((None, None), (6, 4)), ((2, 0), (2, 0)), ((None, 1), (6, 1)), ((3, None), (3, 4))]
)
def test_a_private_ray_has_what_was_asked_for_else_what_this_process_may_use(
    asked: tuple[int | None, int | None], given: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Made(monkeypatch)
    logging.getLogger("ray").setLevel(logging.INFO)
    with connect_cluster("local", *asked) as cluster:
        assert cluster == Cluster(9.0, 0.0, Path("/made"))
        assert logging.getLogger("ray").level == logging.CRITICAL
    assert made.events == [(Path("/made"), *given, {"RAY_DEDUP_LOGS": "0", "RAY_USAGE_STATS_ENABLED": "0"}), "ended"]


@pytest.mark.parametrize("submitted", [False, True])
def test_a_cluster_is_joined_with_our_code_unless_that_is_there_already_and_left(
    submitted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Made(monkeypatch)
    if submitted:
        monkeypatch.setenv(JOB_CONFIG, "{}")
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"GPU": 2.0})
    with contextlib.suppress(KeyError), connect_cluster("head:6379", 3, 1) as cluster:
        assert (cluster.cpus, cluster.gpus) == (0.0, 2.0)
        raise KeyError
    address, options, left = made.events
    assert (address.text, left) == ("head:6379", "left")
    code = {} if submitted else {"runtime_env": {"py_modules": ["code"]}, "job_config": "job"}
    assert options == code | {"address": "head:6379", **QUIET}


@pytest.mark.parametrize(
    "error",
    [ConnectionError("no"), ValueError("no"), RuntimeError("no"), ray.exceptions.AuthenticationError("no")],
)
def test_a_cluster_that_cannot_be_joined_is_named_and_not_left(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Made(monkeypatch)
    made.error = error
    with pytest.raises(UsageError, match=r"^--address auto: no Ray cluster could be joined there: no"):
        connect_cluster("auto").__enter__()
    assert isinstance(made.events[0], Address)
    assert "left" not in made.events
