"""Real Ray clusters on loopback, of processes that belong to the test and of no others."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from orchestrator.run.progress import NICENESS
from tasks.devices import GPU_DEVICE
from tests.support.harness import LIMIT, wait_until
from tests.support.parted_workers import PARTED_RAY, find_descendants
from tests.support.prepared import find_address

PR_SET_PDEATHSIG = 1
RAY = str(Path(sys.executable).parent / "ray")
STARTED = "Ray runtime started"
END_WITH_PARENT = f"""
import ctypes, os, sys
ctypes.CDLL(None).prctl({PR_SET_PDEATHSIG}, {signal.SIGTERM:d})
parent, *command = sys.argv[1:]
if os.getppid() == int(parent):
    os.execv(command[0], command)
"""
"""A command that is asked to end when its parent has ended, by whatever signal; one that is too late does not begin."""


@dataclass(frozen=True)
class Head:
    """A head node: where it listens, and what a command needs to talk to it."""

    process: subprocess.Popen[bytes]
    folder: Path
    gcs: int
    dashboard: int
    client: int

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.gcs}"

    @property
    def environment(self) -> dict[str, str]:
        return {**environment(self.folder / "token")}

    def family(self) -> set[int]:
        """Every process of the cluster."""
        return family(self.process.pid)


def environment(token: Path) -> dict[str, str]:
    """The variables of a cluster that stays on loopback and asks for a token."""
    return without_ray(os.environ) | {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # the switch that keeps Ray on loopback
        "RAY_USAGE_STATS_ENABLED": "0",
        "PATH": os.pathsep.join((str(Path(RAY).parent), os.environ["PATH"])),  # whose `python` a job is run by
        GPU_DEVICE: "cpu",  # the GPUs of these nodes are only pretended
    }


def without_ray(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables of somebody who has set none of Ray's; its workers still get their turn."""
    return {name: value for name, value in variables.items() if not name.startswith("RAY_") or name == NICENESS}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def answers(port: int) -> bool:
    """Whether something listens on loopback."""
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0


def family(pid: int) -> set[int]:
    """A process and everything below it."""
    return {pid} | find_descendants(pid) if psutil.pid_exists(pid) else set()


def listening(pids: set[int]) -> dict[tuple[str, int], str]:
    """Address and port -> name of the process, of everything that these processes listen on."""
    found = {}
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            for socket_ in process.net_connections("inet"):
                if socket_.status == psutil.CONN_LISTEN:
                    found[socket_.laddr.ip.removeprefix("::ffff:"), socket_.laddr.port] = process.name()
    return found


def alive(pids: set[int]) -> set[int]:
    """Those that run; a process that has ended and was not waited for yet does not."""
    found = set()
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.add(pid)
    return found


def start_bound(command: Sequence[str], output: IO[bytes], variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a command that ends with this process, also where that is killed: a test is cut by the time it may take."""
    return subprocess.Popen(
        [sys.executable, "-c", END_WITH_PARENT, str(os.getpid()), *command],
        stdout=output,
        stderr=subprocess.STDOUT,
        env=variables,
        start_new_session=True,
    )


@contextlib.contextmanager
def head(cpus: int = 2, autoscaling: Mapping[str, Any] | None = None) -> Iterator[Head]:
    """Start a head and end it, with everything it started."""
    folder = Path(tempfile.mkdtemp(prefix="head-"))
    token = folder / "token"
    token.touch(mode=0o600)
    token.write_text("7" * 64)
    gcs, dashboard, client = free_port(), free_port(), free_port()
    words = ["--node-ip-address=127.0.0.1", f"--port={gcs}", f"--num-cpus={cpus}", f"--temp-dir={folder / 'ray'}"]
    words += ["--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}", f"--ray-client-server-port={client}"]
    words += ["--dashboard-agent-listen-port=0", "--object-store-memory=100000000", "--include-log-monitor=false"]
    variables = environment(token)
    if autoscaling is not None:
        config = folder / "autoscaling.yaml"
        provider = dict(autoscaling["provider"]) | {"gcs_address": f"127.0.0.1:{gcs}"}
        from ray.autoscaler._private.monitor import BASE_READONLY_CONFIG

        config.write_text(json.dumps(BASE_READONLY_CONFIG | dict(autoscaling) | {"provider": provider}))
        words += [f"--autoscaling-config={config}", "--include-dashboard=false"]
        variables |= {"RAY_FAKE_CLUSTER": "1", "AUTOSCALER_UPDATE_INTERVAL_S": "1"}
    log = folder / "log"
    command = [sys.executable, str(PARTED_RAY), find_address(), "start", "--head", "--block", *words]
    process = _start_head(command, log, variables, client)
    try:
        if process.poll() is not None:  # Ray gives its client server half a minute, which a busy machine may need
            process = _start_head(command, log, variables, client)
        assert process.poll() is None, log.read_text()
        yield Head(process, folder, gcs, dashboard, client)
    finally:
        end(process)
        shutil.rmtree(folder, ignore_errors=True)


def _start_head(
    command: Sequence[str], log: Path, variables: Mapping[str, str], client: int
) -> subprocess.Popen[bytes]:
    """Start a head; it answers, or has ended."""
    with log.open("wb") as output:
        process = start_bound(command, output, variables)
    up = wait_until(lambda: process.poll() is not None or (STARTED in log.read_text() and answers(client)), pause=0.3)
    assert up, log.read_text()
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end, and kill what is left of its family after a while."""
    found = family(process.pid)
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=20)
    wait_until(lambda: not alive(found), 5)
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait(timeout=LIMIT)
