"""What a raylet starts in the place of a worker: it asks the prepared process for one, and ends.

It hands over its streams, its variables and its words. It is run as `python -I -S worker_stub.py ADDRESS WORDS`, which
takes hundredths of a second, and imports nothing of ours. Where nobody answers it becomes what the words say.
"""

from __future__ import annotations

import json
import os
import socket
import sys

GRANTED = b"1"


def ask_for_worker(address: str, words: list[str]) -> bool:
    """Have a process part that becomes the worker of these words; false where nobody can."""
    job = json.dumps({"words": words, "variables": dict(os.environ), "folder": os.getcwd()})  # noqa: PTH109
    with socket.socket(socket.AF_UNIX) as asked:
        try:
            asked.connect(address)
            socket.send_fds(asked, [b" "], [0, 1, 2])
            asked.sendall(job.encode())
            asked.shutdown(socket.SHUT_WR)
            return asked.recv(1) == GRANTED
        except OSError:
            return False


if __name__ == "__main__":
    if not ask_for_worker(sys.argv[1], sys.argv[2:]):
        os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
