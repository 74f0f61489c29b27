"""The Ray that a sweep runs on: a private one on this machine, or one that is already there."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.address import LOCAL, check_answers, parse_address
from orchestrator.code import runtime_environment
from tasks.errors import UsageError

ENVIRONMENT = {"RAY_DEDUP_LOGS": "0", "RAY_USAGE_STATS_ENABLED": "0"}
PRIVATE = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # this, and no address given, keeps every socket on loopback
}
LOOPBACK = "127.0.0.1"
JOB_CONFIG = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Set in the driver of a submitted job, whose code is there already."""
QUIET = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": True}
LONGEST_FOLDER = 20
"""Characters that a temporary folder's name may have before Ray's sockets below it get names too long to exist."""
TOKEN_HINT = "if it asks for a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH to the file that holds it"
SCRATCH = "advsweep-ray-"
GRACE = 3.0
"""Seconds in which the processes of a killed driver's Ray may end by themselves."""
YOUNG = 60.0
"""Seconds in which a new folder may still be without its lock."""


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

    :param address: `local`, `auto`, or `host:port`.
    :param cpus: CPUs of a private Ray; null: those that this process may use.
    :raises UsageError: no Ray answers at the address.
    """
    with _scratch() as scratch, _variables(ENVIRONMENT), _opened(address, cpus, scratch):
        import ray

        logging.getLogger("ray").setLevel(logging.CRITICAL)
        found = ray.cluster_resources()
        yield Cluster(found.get("CPU", 0.0), found.get("GPU", 0.0), scratch)


def _opened(address: str, cpus: int | None, scratch: Path) -> contextlib.AbstractContextManager[None]:
    return _private(scratch, cpus) if address == LOCAL else _joined(address)


@contextlib.contextmanager
def _private(scratch: Path, cpus: int | None) -> Iterator[None]:
    """A Ray of our own: loopback only, no dashboard, its token in a folder that nobody else can read."""
    import ray

    token = scratch / "token"
    token.touch(mode=0o600)
    token.write_text(secrets.token_hex(32))
    guarded = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    if "RAY_AUTH_MODE" in os.environ:
        guarded = {}  # somebody has decided how Ray authenticates here
    with _variables(PRIVATE | guarded), _alone():
        _read_variables()
        try:
            start_ray(
                address=LOCAL,
                num_cpus=cpus or usable_cpus(),
                include_dashboard=False,
                _node_ip_address=LOOPBACK,
                _temp_dir=str(scratch / "ray"),
                **QUIET,
            )
            with _undertaker(scratch):
                yield
        finally:
            ray.shutdown()
    _read_variables()


@contextlib.contextmanager
def _undertaker(scratch: Path) -> Iterator[None]:
    """A process that buries the private Ray of a driver that was killed: Ray's agents would live on for a minute.

    It waits on a pipe, which the system closes when the driver ends, in whatever way.
    """
    import psutil  # Ray brings its own

    pids = [str(child.pid) for child in psutil.Process().children(recursive=True)]
    burial = f'read -r _; sleep {GRACE:g}; folder="$1"; shift; kill -9 "$@" 2>/dev/null; rm -rf -- "$folder"'
    process = subprocess.Popen(["sh", "-c", burial, "sh", str(scratch), *pids], stdin=subprocess.PIPE)
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Have Ray start nothing that other machines or a dashboard would talk to.

    What is imported before the variables are set has read them already, so the constant is set too. And where Ray's
    dashboard is installed, its agent would open a web server on a fixed port, at the cost of seconds.
    """
    constants: Any = importlib.import_module("ray._private.ray_constants")
    utils: Any = importlib.import_module("ray._private.utils")
    before = constants.ENABLE_RAY_CLUSTER, utils.get_dashboard_dependency_error
    constants.ENABLE_RAY_CLUSTER = False
    utils.get_dashboard_dependency_error = lambda: ImportError("not wanted here")
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER, utils.get_dashboard_dependency_error = before


@contextlib.contextmanager
def _joined(address: str) -> Iterator[None]:
    import ray

    check_answers(parse_address(address))
    options: dict[str, Any] = {} if JOB_CONFIG in os.environ else {"runtime_env": runtime_environment()}
    try:
        start_ray(address=address, **options, **QUIET)
    except (ConnectionError, ValueError, RuntimeError, ray.exceptions.AuthenticationError) as error:
        raise UsageError(f"--address {address}: {joining_problem(error)}") from error
    try:
        yield
    finally:
        ray.shutdown()


def start_ray(**options: Any) -> None:
    """`ray.init` that leaves SIGTERM to us: Ray's own handler ends the process on the spot."""
    import ray

    before = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(**options)
    except SystemExit as ended:
        raise KeyboardInterrupt from ended
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def joining_problem(error: BaseException) -> str:
    """Why a cluster could not be joined, and what to do about it."""
    reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
    hint = "" if os.environ.get("RAY_AUTH_MODE") == "token" else f"; {TOKEN_HINT}"
    return f"no Ray cluster could be joined there: {reason}{hint}"


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    """A private folder for a while. Those of drivers that were killed are removed: nobody holds their lock."""
    import fcntl

    parent = Path(tempfile.gettempdir())
    if len(str(parent)) > LONGEST_FOLDER:
        parent = Path("/tmp")
    for old in parent.glob(f"{SCRATCH}*"):
        _remove_if_dead(old)
    folder = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=parent))
    try:
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_if_dead(folder: Path) -> None:
    import fcntl

    with contextlib.suppress(OSError):  # somebody else's, or held by a driver that lives
        if time.time() - folder.stat().st_mtime < YOUNG:
            return
        with (folder / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)


def _read_variables() -> None:
    """Let Ray look again at how it authenticates: it does so once, when it is imported."""
    raylet: Any = importlib.import_module("ray._raylet")
    raylet.Config.initialize("")
    raylet.AuthenticationTokenLoader.instance().reset_cache()


@contextlib.contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
