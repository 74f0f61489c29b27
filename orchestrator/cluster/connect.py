"""The Ray that a sweep runs on: a private one on this machine, or one that is already there."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.cluster.address import LOCAL, check_answers, parse_address
from orchestrator.cluster.capacity import count_usable_cpus, count_usable_gpus
from orchestrator.cluster.packages import build_runtime_environment, make_job_config
from orchestrator.cluster.private_ray import QUIET, shut_down_ray, start_private_ray, start_ray, use_private_folder
from tasks.environment import set_variables
from tasks.errors import UsageError

ENVIRONMENT = {"RAY_DEDUP_LOGS": "0", "RAY_USAGE_STATS_ENABLED": "0"}
JOB_CONFIG = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Set in the driver of a submitted job, whose code is there already."""
TOKEN_HINT = "if it asks for a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH to the file that holds it"


@dataclass(frozen=True)
class Cluster:
    """A running Ray, and what it has."""

    cpus: float
    gpus: float
    scratch: Path
    """A private folder on the driver's machine, gone when the sweep ends."""


@contextlib.contextmanager
def connect_cluster(address: str, cpus: int | None = None, gpus: int | None = None) -> Iterator[Cluster]:
    """Start a private Ray, or join the one at an address; on the way out it is shut down or left.

    :param address: `local`, `auto`, or `host:port`.
    :param cpus: CPUs of a private Ray; null: those that this process may use.
    :param gpus: GPUs of a private Ray; null: those that this process may use.
    :raises UsageError: no Ray answers at the address.
    """
    with use_private_folder() as scratch, set_variables(ENVIRONMENT), _open_ray(address, cpus, gpus, scratch):
        import ray

        logging.getLogger("ray").setLevel(logging.CRITICAL)
        found = ray.cluster_resources()
        yield Cluster(found.get("CPU", 0.0), found.get("GPU", 0.0), scratch)


def _open_ray(
    address: str, cpus: int | None, gpus: int | None, scratch: Path
) -> contextlib.AbstractContextManager[None]:
    if address != LOCAL:
        return _join_ray(address)
    return start_private_ray(scratch, cpus or count_usable_cpus(), count_usable_gpus() if gpus is None else gpus)


@contextlib.contextmanager
def _join_ray(address: str) -> Iterator[None]:
    import ray

    check_answers(parse_address(address))
    options: dict[str, Any] = {}
    if JOB_CONFIG not in os.environ:
        options = {"runtime_env": build_runtime_environment(), "job_config": make_job_config()}
    try:
        start_ray(address=address, **options, **QUIET)
    except (ConnectionError, ValueError, RuntimeError, ray.exceptions.AuthenticationError) as error:
        raise UsageError(f"--address {address}: {explain_joining_problem(error)}") from error
    try:
        yield
    finally:
        shut_down_ray()


def explain_joining_problem(error: BaseException) -> str:
    """Why a cluster could not be joined, and what to do about it."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    reason = f"{lines[0]} {lines[-1]}" if lines[0].endswith(":") else lines[0]  # between them is a traceback
    hint = "" if os.environ.get("RAY_AUTH_MODE") == "token" else f"; {TOKEN_HINT}"
    return f"no Ray cluster could be joined there: {reason}{hint}"
