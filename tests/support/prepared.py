"""Where commands, and the Rays that tests start, ask for processes that have imported: one that tests share.

To import takes a launch eight seconds of CPU time, half of what a small one takes. That it can do so, and in
which order, is seen by every test that starts `python -m advsweep` itself.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.checkout import ROOT

COMMANDS = ("launch", "evaluate")
"""Those that start a Ray. The others import little, and would not start this process by themselves."""
READ_BY_IMPORTS = ("RAY_", "PYTHON", "OMP_", "LD_", "COV")
"""How variables begin that are read when something is imported, or when an interpreter starts."""
READ_LATER = (
    "PYTHONUNBUFFERED", "RAY_AUTH_TOKEN_PATH", "RAY_TMPDIR",
    "RAY_memory_usage_threshold", "RAY_memory_monitor_refresh_ms",
)  # fmt: skip
"""Those of them that a command heeds here too: the first is done by hand, a token is read when it is needed, and the
others are for what Ray starts."""
LONGEST_REQUEST = 2**17
"""Bytes of a request: the variables of a process most of all."""


class Prepared(NamedTuple):
    """The process, the variables that it was started with, and where it is asked."""

    process: subprocess.Popen[bytes]
    variables: Mapping[str, str]
    address: str


def find_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """What a process with these variables would read when it imports."""
    return {
        name: value for name, value in variables.items() if name.startswith(READ_BY_IMPORTS) and name not in READ_LATER
    }


def without_rays(variables: Mapping[str, str]) -> dict[str, str]:
    """What an interpreter and libraries other than Ray would read."""
    return {name: value for name, value in find_variables(variables).items() if not name.startswith("RAY_")}


MOST = 2
"""Prepared processes at the same time. Each takes memory."""
HELD: list[Prepared] = []
"""Those that there are, the one that was needed last at the end."""


def start_prepared() -> Prepared:
    """The process with the variables of now, which ends with this one."""
    wanted = without_rays(os.environ)
    if found := find_prepared(wanted):
        return found
    while len(HELD) >= MOST:
        oldest = HELD.pop(0).process
        oldest.kill()
        oldest.wait()
    folder = tempfile.mkdtemp(prefix="prepared-")  # W&B makes one in it when it is imported
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    address = str(Path(folder) / "asked")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(address)
        listener.listen(50)
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.prepared_server", str(listener.fileno())],
            cwd=ROOT, env={**os.environ, "TMPDIR": folder}, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
        )  # fmt: skip
    atexit.register(process.kill)
    HELD.append(Prepared(process, wanted, address))
    return HELD[-1]


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


def ask(job: Mapping[str, Any], streams: Sequence[int]) -> int:
    """The id of a process that has parted to do a job."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asked:
        asked.connect(find_address())
        socket.send_fds(asked, [json.dumps(job).encode()], streams)
        return int(asked.recv(99))
