"""The Ray that a sweep runs on: a private one on this machine, or one that is already there."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import UsageError

LOCAL = "local"
ENVIRONMENT = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
}


@dataclass(frozen=True)
class Cluster:
    """A running Ray, and what it has."""

    cpus: float
    gpus: float
    scratch: Path
    """A private folder on the driver's machine, gone when the sweep ends."""


def usable_cpus() -> int:
    """CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def connected(address: str, cpus: int | None = None) -> Iterator[Cluster]:
    """Start a private Ray, or join the one at an address; on the way out it is shut down or left.

    :param address: `local`, `auto`, or `ray://host:port`.
    :param cpus: CPUs of a private Ray; null: those that this process may use.
    :raises UsageError: no Ray answers at the address.
    """
    os.environ.update(ENVIRONMENT)
    import ray

    scratch = Path(tempfile.mkdtemp(prefix="advsweep-"))
    options = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": True}
    try:
        if address == LOCAL:
            ray.init(
                address=LOCAL,
                num_cpus=cpus or usable_cpus(),
                include_dashboard=False,
                _temp_dir=str(scratch / "ray"),
                **options,
            )
        else:
            try:
                ray.init(address=address, **options)
            except (ConnectionError, ValueError, RuntimeError) as error:
                reason = str(error).splitlines()[0]
                raise UsageError(f"--address {address}: no Ray cluster answers there: {reason}") from error
        logging.getLogger("ray").setLevel(logging.CRITICAL)
        found = ray.cluster_resources()
        yield Cluster(found.get("CPU", 0.0), found.get("GPU", 0.0), scratch)
    finally:
        ray.shutdown()
        shutil.rmtree(scratch, ignore_errors=True)
