"""Where commands, and the Rays that tests start, ask for processes that have imported: one that tests share.

To import takes a launch eight seconds of CPU time, half of what a small one takes. That it can do so, and in
which order, is seen by every test that starts `python -m advsweep` itself.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock

from tasks.keys import hash_json
from tests.support.checkout import ROOT
from tests.support.made_once import SHARED

COMMANDS = ("launch", "evaluate")
"""Those that start a Ray. The others import little, and would not start this process by themselves."""
READ_BY_IMPORTS = ("RAY_", "PYTHON", "OMP_", "LD_", "COV")
"""How variables begin that are read when something is imported, or when an interpreter starts."""
READ_LATER = (
    "PYTHONUNBUFFERED", "PYTHONBREAKPOINT", "RAY_CLIENT_MODE", "RAY_AUTH_TOKEN_PATH", "RAY_TMPDIR",
    "RAY_memory_usage_threshold", "RAY_memory_monitor_refresh_ms", "RAY_JOB_STOP_WAIT_TIME_S", "RAY_worker_niceness",
    "RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES", "RAY_EXPERIMENTAL_NOSET_ASCEND_RT_VISIBLE_DEVICES",
)  # fmt: skip
"""Those of them that are heeded here too: the first is done by hand, Ray itself sets the next two in a process that it
is imported or started in, and the others are read when they are needed, or are for what Ray starts."""
HOLD = "hold"
"""What a process asks for that wants nothing yet, and holds the connection."""
PROCESSES: list[subprocess.Popen[bytes]] = []
"""Those that this process has started; they may outlive it."""
LONGEST_REQUEST = 2**17
"""Bytes of a request: the variables of a process most of all."""


class Prepared(NamedTuple):
    """The process, as one that needs it knows it: it lives while anybody holds it."""

    held: socket.socket
    variables: Mapping[str, str]
    """Those that it was started with."""
    address: str
    """Where it is asked."""


def find_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """What a process with these variables would read when it imports."""
    return {
        name: value for name, value in variables.items() if name.startswith(READ_BY_IMPORTS) and name not in READ_LATER
    }


def without_rays(variables: Mapping[str, str]) -> dict[str, str]:
    """What an interpreter and libraries other than Ray would read."""
    return {name: value for name, value in find_variables(variables).items() if not name.startswith("RAY_")}


MOST = 2
"""Prepared processes that one process holds. Each takes memory."""
HELD: list[Prepared] = []
"""The one that was needed last at the end."""


def start_prepared() -> Prepared:
    """The process with the variables of now, which all processes of a run of the tests share."""
    wanted = without_rays(os.environ)
    if found := find_prepared(wanted):
        return found
    while len(HELD) >= MOST:
        HELD.pop(0).held.close()
    folder = Path(os.environ[SHARED]) / f"prepared-{hash_json(wanted)[:8]}"
    address = str(folder / "asked")
    held = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with FileLock(f"{folder}.lock"):
        folder.mkdir(exist_ok=True)
        if held.connect_ex(address):
            _start_process(folder, address)
            held.connect(address)
        held.send(json.dumps({"kind": HOLD}).encode())
    HELD.append(Prepared(held, wanted, address))
    return HELD[-1]


def _start_process(folder: Path, address: str) -> None:
    """Start one; whoever asks waits until it has imported.

    :param folder: for its temporary files: W&B makes some when it is imported.
    """
    Path(address).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(address)
        listener.listen(50)
        PROCESSES.append(subprocess.Popen(
            [sys.executable, "-m", "tests.support.prepared_server", str(listener.fileno())],
            cwd=ROOT, env={**os.environ, "TMPDIR": str(folder)}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            pass_fds=[listener.fileno()], start_new_session=True,
        ))  # fmt: skip


def find_prepared(wanted: Mapping[str, str]) -> Prepared | None:
    """The one with these variables, if there is one."""
    found = next((held for held in HELD if held.variables == wanted), None)
    if found:
        HELD.remove(found)
        HELD.append(found)
    return found


def can_run(command: str, variables: Mapping[str, str]) -> bool:
    """Whether the command would import in vain, and imports would find now what they found then.

    What measures the lines that run counts none of a process that has parted from another.
    """
    if any(name.startswith("COV") for name in os.environ) or without_rays(variables) != without_rays(os.environ):
        return False
    if command in COMMANDS:
        start_prepared()
    return find_prepared(without_rays(variables)) is not None


def find_address() -> str:
    """Where a Ray asks for processes."""
    return start_prepared().address


def ask(job: Mapping[str, Any], streams: Sequence[int]) -> tuple[int, socket.socket]:
    """The id of a process that has parted to do a job, and where its exit code is told; it ends if that is closed."""
    asked = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    asked.connect(find_address())
    socket.send_fds(asked, [json.dumps(job).encode()], streams)
    return int(asked.recv(99)), asked
