"""A Ray of our own: on loopback alone, guarded by a token, and gone with its driver, however that ends."""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import logging
import os
import secrets
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.cluster.address import LOCAL
from orchestrator.cluster.guard import MARK, bury, guard
from orchestrator.cluster.machine import find_private_parent
from orchestrator.cluster.packages import list_code_folders, make_job_config
from orchestrator.cluster.start_watch import watch_start
from orchestrator.processes import with_safe_imports
from tasks.environment import set_variables
from tasks.temporary import remove_dead_folders, use_temporary_folder

PRIVATE = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # a worker that holds no GPU hides them itself, on every cluster
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # this, and no address given, keeps every socket on loopback
}
UNNEEDED = ("start_monitor", "start_log_monitor", "start_api_server")
"""What Ray starts beside itself: a process that would ask a cloud for machines, one that follows files for a driver
that has said `log_to_driver=False`, and the rest of a dashboard that nobody wants, for which `ray.init`
waits. Each costs a start about a second of CPU time."""
LOOPBACK = "127.0.0.1"
QUIET = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": True}


@contextlib.contextmanager
def start_private_ray(scratch: Path, cpus: int, gpus: int) -> Iterator[None]:
    """A Ray of our own: loopback only, no dashboard, its token in a folder that nobody else can read."""
    token = scratch / "token"
    token.touch(mode=0o600)
    token.write_text(secrets.token_hex(32))
    guarded = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    if "RAY_AUTH_MODE" in os.environ:
        guarded = {}  # somebody has decided how Ray authenticates here
    files = scratch / "tmp"
    files.mkdir()
    own = with_safe_imports(os.environ) | PRIVATE | guarded | {MARK: str(scratch), "TMPDIR": str(files)}
    with guard(scratch), set_variables(own), _isolate_ray(scratch):
        _read_variables()
        try:
            with watch_start(scratch / "ray"):
                start_ray(
                    address=LOCAL,
                    num_cpus=cpus,
                    num_gpus=gpus,
                    include_dashboard=False,
                    _node_ip_address=LOOPBACK,
                    job_config=make_job_config(list_code_folders()),
                    _temp_dir=str(scratch / "ray"),
                    **QUIET,
                )
            yield
        finally:
            shut_down_ray()
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


def shut_down_ray() -> None:
    """`ray.shutdown` that nothing of ours runs into: Ray ends the process if a reference dies while it shuts down.

    The garbage collector may free references of Ray in any thread, so what it would free goes before, and it rests
    meanwhile.
    """
    import ray

    gc.collect()
    collecting = gc.isenabled()
    gc.disable()
    try:
        ray.shutdown()
    finally:
        if collecting:
            gc.enable()


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
    node: Any = importlib.import_module("ray._private.node").Node
    before = constants.ENABLE_RAY_CLUSTER, utils.get_dashboard_dependency_error, services.start_ray_process
    unneeded = {name: getattr(node, name) for name in UNNEEDED}
    constants.ENABLE_RAY_CLUSTER = False
    utils.get_dashboard_dependency_error = lambda: ImportError("not wanted here")
    services.start_ray_process = functools.partial(services.start_ray_process, cwd=str(folder))
    for name in UNNEEDED:
        setattr(node, name, lambda self, **options: None)  # noqa: ARG005
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER, utils.get_dashboard_dependency_error, services.start_ray_process = before
        for name, start in unneeded.items():
            setattr(node, name, start)


def remove_remains() -> None:
    """End what is left of the private Rays of killed drivers, and remove their folders."""
    for place in {find_private_parent(), Path(tempfile.gettempdir())}:
        remove_dead_folders(place, before=bury)


@contextlib.contextmanager
def use_private_folder() -> Iterator[Path]:
    """A private folder for a while, whose name is short enough for sockets; those of killed drivers are removed."""
    remove_remains()
    with use_temporary_folder(find_private_parent()) as folder:
        yield folder


def _read_variables() -> None:
    """Let Ray look again at how it authenticates: it does so once, when it is imported."""
    raylet: Any = importlib.import_module("ray._raylet")
    raylet.Config.initialize("")
    raylet.AuthenticationTokenLoader.instance().reset_cache()
