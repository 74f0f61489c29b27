"""A Ray of our own: on loopback alone, guarded by a token, and gone with its driver, however that ends."""

from __future__ import annotations

import contextlib
import functools
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
from pathlib import Path
from typing import Any

from orchestrator.cluster.address import LOCAL
from orchestrator.cluster.packages import list_code_folders, make_job_config
from orchestrator.processes import with_safe_imports

PRIVATE = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # this, and no address given, keeps every socket on loopback
}
LOOPBACK = "127.0.0.1"
QUIET = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": True}
LONGEST_FOLDER = 20
"""Characters that a temporary folder's name may have before Ray's sockets below it get names too long to exist."""
SCRATCH = "advsweep-ray-"
GRACE = 3.0
"""Seconds in which the processes of a killed driver's Ray may end by themselves."""
YOUNG = 60.0
"""Seconds in which a new folder may still be without its lock."""


@contextlib.contextmanager
def start_private_ray(scratch: Path, cpus: int) -> Iterator[None]:
    """A Ray of our own: loopback only, no dashboard, its token in a folder that nobody else can read."""
    import ray

    token = scratch / "token"
    token.touch(mode=0o600)
    token.write_text(secrets.token_hex(32))
    guarded = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    if "RAY_AUTH_MODE" in os.environ:
        guarded = {}  # somebody has decided how Ray authenticates here
    with set_variables(with_safe_imports(os.environ) | PRIVATE | guarded), _isolate_ray(scratch):
        _read_variables()
        try:
            start_ray(
                address=LOCAL,
                num_cpus=cpus,
                include_dashboard=False,
                _node_ip_address=LOOPBACK,
                job_config=make_job_config(list_code_folders()),
                _temp_dir=str(scratch / "ray"),
                **QUIET,
            )
            with _guard_private_ray(scratch):
                yield
        finally:
            ray.shutdown()
    _read_variables()


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


@contextlib.contextmanager
def _guard_private_ray(scratch: Path) -> Iterator[None]:
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
def _isolate_ray(folder: Path) -> Iterator[None]:
    """Have Ray start nothing that other machines or a dashboard would talk to, and nothing in the user's folder.

    What is imported before the variables are set has read them already, so the constant is set too. And where Ray's
    dashboard is installed, its agent would open a web server on a fixed port, at the cost of seconds.

    :param folder: the working directory of Ray's processes, from which some would import before Python 3.11.
    """
    constants: Any = importlib.import_module("ray._private.ray_constants")
    utils: Any = importlib.import_module("ray._private.utils")
    services: Any = importlib.import_module("ray._private.services")
    before = constants.ENABLE_RAY_CLUSTER, utils.get_dashboard_dependency_error, services.start_ray_process
    constants.ENABLE_RAY_CLUSTER = False
    utils.get_dashboard_dependency_error = lambda: ImportError("not wanted here")
    services.start_ray_process = functools.partial(services.start_ray_process, cwd=str(folder))
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER, utils.get_dashboard_dependency_error, services.start_ray_process = before


@contextlib.contextmanager
def make_private_folder() -> Iterator[Path]:
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
def set_variables(values: Mapping[str, str]) -> Iterator[None]:
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
