"""A Ray whose Python processes need not import: they part from one that has (`tests/support/prepared_server.py`).

That takes nearly all of the five seconds of CPU time in which a stage's worker starts, and of the second that an agent
takes. In the place of an interpreter a raylet starts `worker_stub.py`, which asks for a process, stands for it while it
lives, and has its id in its own name.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import re
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from tests.support.prepared import find_address
from tests.support.worker_stub import NAME

STUB = Path(__file__).with_name("worker_stub.py")
PARTED_RAY = Path(__file__).with_name("parted_ray.py")
AUTOSCALER = "/autoscaler/_private/monitor.py"
"""The script that starts nodes of a cluster whose machines are only pretended."""
COMMANDS = re.compile(rf"^(--(python_worker|dashboard_agent|runtime_env_agent)_command={re.escape(sys.executable)}) ")
"""How the words begin that tell a raylet how it starts a process."""

GIVEN = {
    "agent": {"RAY_LD_PRELOAD_ON_WORKERS": "0", "RAY_enable_pipe_based_agent_to_parent_health_check": "1"},
    "worker": {"RAY_LD_PRELOAD_ON_WORKERS": "0"},
}
"""Variables that Ray gives each kind, beside those that differ from one process to the next."""


def start_rays_by_stub(address: str) -> None:
    """Have a Ray that this process starts ask at the address for its Python processes."""
    services: Any = importlib.import_module("ray._private.services")
    start = services.start_ray_process

    def start_process(command: Sequence[str], *more: Any, **options: Any) -> Any:
        words = [COMMANDS.sub(rf"\1 -I -S {STUB} {address} ", word) for word in command]
        if (at := next((at for at, word in enumerate(words) if word.endswith(AUTOSCALER)), None)) is not None:
            return start([*words[:at], str(PARTED_RAY), address, *words[at:]], *more, **options)
        if words != command:
            have_imported(address, {**os.environ, **(options.get("env_updates") or {})})
        return start(words, *more, **options)

    services.start_ray_process = start_process


def have_imported(address: str, variables: Mapping[str, str]) -> None:
    """Wait until there is what agents and workers part from: a raylet gives its agents seconds, however busy all is.

    :param variables: of a raylet that is about to start.
    """
    with contextlib.ExitStack() as until_end:
        asked = []
        for kind, given in GIVEN.items():
            asked.append(until_end.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)))
            job = {"kind": kind, "words": [], "variables": {**variables, **given}}
            try:
                asked[-1].connect(address)
                asked[-1].send(json.dumps(job).encode())
            except OSError:
                return  # they are interpreters of their own
        for answer in asked:
            answer.recv(99)


@contextlib.contextmanager
def part_workers() -> Iterator[None]:
    """Have the Rays that this process starts inside ask for their Python processes."""
    services: Any = importlib.import_module("ray._private.services")
    before = services.start_ray_process
    start_rays_by_stub(find_address())
    try:
        yield
    finally:
        services.start_ray_process = before


def find_descendants(pid: int) -> set[int]:
    """Everything below a process: those as well that its descendants stand for."""
    found = set[int]()
    left = [pid]
    while left:
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(left.pop()).children(recursive=True):
                if child.pid in found:
                    continue
                found.add(child.pid)
                with contextlib.suppress(psutil.Error):
                    if (name := child.name()).startswith(NAME):
                        found.add(int(name.removeprefix(NAME)))
                        left.append(int(name.removeprefix(NAME)))
    return found
