"""What a raylet starts in the place of a worker or an agent: it asks for one that has imported, and stands for it.

It hands over its streams, its variables and its words. Where it is killed, so is the other at once; and it ends as
that does. It is run as `python -I -S worker_stub.py ADDRESS WORDS`, which takes hundredths of a second, and imports
nothing of ours. Where nobody answers it becomes what the words say.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys

NAME = "for "
"""How the name of a process begins that stands for another; the id of that follows."""


def stand_for_process(address: str, words: list[str]) -> int | None:
    """Have a process part that does what the words say; its exit code once it has ended, null where nobody can."""
    kind = "agent" if any(word.endswith(("/agent.py", "/agent/main.py")) for word in words) else "worker"
    job = {"kind": kind, "words": words, "variables": dict(os.environ), "folder": os.getcwd()}  # noqa: PTH109
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asked:
        try:
            asked.connect(address)
            socket.send_fds(asked, [json.dumps(job).encode()], [0, 1, 2])
            answer = asked.recv(99)
        except OSError:
            return None
        if not answer:
            return None
        other = int(answer)
        signal.signal(signal.SIGTERM, lambda *_: os.kill(other, signal.SIGTERM))
        with open("/proc/self/comm", "w") as name:  # noqa: PTH123
            name.write(f"{NAME}{other}")
        try:
            return int(asked.recv(99) or 1)
        except OSError:
            return 1


if __name__ == "__main__":
    code = stand_for_process(sys.argv[1], sys.argv[2:])
    if code is None:
        os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
        os.kill(os.getpid(), -code)
    os._exit(code)
