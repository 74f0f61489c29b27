"""Processes that have imported, of which commands, Ray's workers and its agents part in the place of interpreters.

One has imported torch and knows no Ray. Of it part others, which have imported Ray as well, one for each set of the
variables that Ray reads when it is imported; and of these part the processes that are asked for. It is run as
`python -m tests.support.prepared_server DESCRIPTOR`, with a socket that listens, while anybody holds a connection.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.parted_roles import become_command, become_script, find_later_variables
from tests.support.prepared import HOLD, LONGEST_REQUEST, find_variables, without_rays
from tests.support.raylet_flags import WORDS, find_flags

IMPORTED = (
    "torch", "torch_pruning", "pandas", "pyarrow.parquet", "tasks.stages.run",
    "PIL.GifImagePlugin", "vl_convert", "IPython",
)  # fmt: skip
"""What workers of stages import, or Ray, Tune and W&B in theirs: nothing that knows Ray."""
IMPORTED_BY = {
    "command": (
        "ray.tune", "wandb", "orchestrator.cli.app", "orchestrator.launch", "orchestrator.run.driver", "pydantic.v1",
        "scipy.special", "torch.fx.experimental.symbolic_shapes", "ray.train.trainer", "ray.dag",
    ),
    "worker": ("ray.tune", "orchestrator.run.driver", "pydantic.v1", "torch.fx.experimental.optimization"),
    "agent": ("ray.dashboard.agent",),
}  # fmt: skip
"""What each kind imports beside it, at once or on its way: Tune imports W&B."""
OF_THE_PROCESS = ("RAY_JOB_ID", "RAY_NODE_ID", "RAY_RAYLET_PID")
"""Variables that Ray gives a process to know itself by."""
MOST = 9
"""Processes that have imported Ray at the same time. Each takes memory."""
MOST_NAMES = 200
"""Random names that a process draws with Ray's generator, which all that part from one process go on with."""


def serve(listener: socket.socket) -> None:
    """Import what workers do, and hand on each request to a process that has imported Ray as well."""
    gc.disable()  # nothing of what is imported is garbage
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()
    assert "ray" not in sys.modules, "it reads variables when it is imported"
    own = find_own_variables(os.environ)
    channels: dict[str, socket.socket] = {}
    holders: list[socket.socket] = []
    alone = False
    while not alone:
        found = select.select([listener, *holders], [], [])[0]
        for holder in [holder for holder in holders if holder in found]:  # it has ended, or needs it no more
            holders.remove(holder)
            holder.close()
            alone = not holders
        if listener in found:
            asked, _ = listener.accept()
            try:
                text, streams, _, _ = socket.recv_fds(asked, LONGEST_REQUEST, 3)
            except OSError:  # whoever asked has ended
                asked.close()
                continue
            job = json.loads(text or "null")
            if job and job["kind"] == HOLD:
                holders.append(asked)
                alone = False
                continue
            with asked, contextlib.suppress(OSError):
                if job and (job["kind"] == "command" or find_own_variables(job["variables"]) == own):
                    others = [listener.fileno(), asked.fileno(), *streams, *(holder.fileno() for holder in holders)]
                    channel = find_channel(channels, others, job)
                    if channel is not None:
                        socket.send_fds(channel, [text], [asked.fileno(), *streams])
            for stream in streams:
                os.close(stream)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)  # one that was sent away


def find_own_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """What an interpreter and libraries other than Ray read; that a script's folder is no place to import from is
    seen to here."""
    return {name: value for name, value in without_rays(variables).items() if name != "PYTHONSAFEPATH"}


def find_channel(
    channels: dict[str, socket.socket], held: Sequence[int], job: Mapping[str, Any]
) -> socket.socket | None:
    """To the process that has imported what the job needs; null where it needs an interpreter of its own.

    :param held: descriptors that are no business of that process.
    """
    more = find_later_variables(job["words"])
    if more is None:
        return None
    read = {name: value for name, value in find_variables({**job["variables"], **more}).items()
            if name.startswith("RAY_") and name not in OF_THE_PROCESS}  # fmt: skip
    key = json.dumps([job["kind"], sorted(read.items())])
    if key not in channels:
        if len(channels) >= MOST:
            channels.pop(next(iter(channels))).close()  # it ends with the last process that has parted from it
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if not os.fork():
            for other in (ours, *channels.values()):
                other.close()
            for descriptor in held:
                os.close(descriptor)
            for name in [name for name in os.environ if name.startswith("RAY_")]:
                del os.environ[name]
            os.environ.update(read)
            os._exit(Nursery(job["kind"], theirs).run())
        theirs.close()
        channels[key] = ours
    channels[key] = channels.pop(key)  # the one that was needed last at the end
    return channels[key]


@dataclass
class Nursery:
    """A process that has imported what one kind needs, and those that have parted from it and live."""

    kind: str
    channel: socket.socket
    stands: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Whoever asked for a process, by its socket -> the process and a descriptor that is ready when it has ended."""
    flags: Mapping[str, int] = field(default_factory=dict)
    """Where variables are that Ray reads only once."""

    def run(self) -> int:
        """Answer requests until there are none, and wait for the last process."""
        gc.disable()
        if self.kind == "worker":
            os.environ.update(WORDS)
            importlib.import_module("ray")
            self.flags = find_flags() or {}
            if not self.flags:
                return 1  # its workers are interpreters of their own
        for name in IMPORTED_BY[self.kind]:
            importlib.import_module(name)
        if self.kind == "agent":
            utils: Any = importlib.import_module("ray.dashboard.utils")
            utils.get_all_modules(utils.DashboardAgentModule)
        gc.freeze()
        gc.enable()
        ends = False
        while self.stands or not ends:
            watched = [*self.stands, *(ended for _, ended in self.stands.values())]
            found = select.select([*watched, *([] if ends else [self.channel.fileno()])], [], [])[0]
            for asked, (child, ended) in list(self.stands.items()):
                if ended in found:
                    self._tell_end(asked, child, ended)
                elif asked in found:  # it has ended, by whatever signal, and so does what it stands for
                    os.kill(child, signal.SIGKILL)
                    self._tell_end(asked, child, ended)
            if not ends and self.channel.fileno() in found:
                ends = not self._answer()
        return 0

    def _answer(self) -> bool:
        """Part a process, and tell its id; false where nobody asks any more."""
        text, found, _, _ = socket.recv_fds(self.channel, LONGEST_REQUEST, 4)
        if not text:
            return False
        asked, *streams = found
        job = json.loads(text)
        if not job["words"]:  # it is enough that this process is there
            with contextlib.suppress(OSError):
                os.write(asked, b"0")
            os.close(asked)
            return True
        role = become_command if job.pop("kind") == "command" else functools.partial(become_script, flags=self.flags)
        if raylet := sys.modules.get("ray._raylet"):
            for _ in range(MOST_NAMES):
                raylet.NodeID.from_random()
        if not (child := os.fork()):
            self._become(role, streams, asked, job)
        for stream in streams:
            os.close(stream)
        with contextlib.suppress(OSError):
            os.write(asked, str(child).encode())
        self.stands[asked] = child, os.pidfd_open(child)
        return True

    def _become(self, role: Callable[..., None], streams: list[int], asked: int, job: Mapping[str, Any]) -> None:
        """Be another process, which holds nothing of this one."""
        self.channel.close()
        for other in (asked, *self.stands, *(ended for _, ended in self.stands.values())):
            os.close(other)
        role(streams, **job)

    def _tell_end(self, asked: int, child: int, ended: int) -> None:
        """Tell whoever stands for a process how it has ended."""
        _, status = os.waitpid(child, 0)
        with contextlib.suppress(OSError):
            os.write(asked, str(os.waitstatus_to_exitcode(status)).encode())
        os.close(asked)
        os.close(ended)
        del self.stands[asked]


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    serve(socket.socket(fileno=int(sys.argv[1])))
    os._exit(0)  # at an ordinary end libraries look for what they have left over
