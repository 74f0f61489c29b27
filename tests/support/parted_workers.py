"""Workers of Ray that need not import torch: they part from a process that has, and that knows no Ray.

That takes three of the five seconds of CPU time in which a stage's worker starts. A raylet runs `worker_stub.py` in the
place of an interpreter, which asks here; it knows a worker by what that says of itself, as it does where one runs in a
container. No such worker is killed by a test: it is no descendant of its raylet.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import random
import runpy
import select
import socket
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.worker_stub import GRANTED

STUB = Path(__file__).with_name("worker_stub.py")
IMPORTED = ("torch", "torch_pruning", "pandas", "pyarrow.parquet", "tasks.stages.run")
"""What workers of stages import, or Ray and Tune in theirs: nothing that knows Ray."""
COMMAND = f"--python_worker_command={sys.executable} "
"""How the word begins that tells a raylet how it starts a worker."""
CONTEXT = "--serialized-runtime-env-context="
HEEDED = ("env_vars", "py_executable", "java_jars")
"""Fields of the context of a runtime environment that are heeded here, or mean nothing to Python."""


def start_workers_by_stub(address: str) -> None:
    """Have a Ray that this process starts ask at the address for its workers."""
    services: Any = importlib.import_module("ray._private.services")
    start = services.start_ray_process
    by_stub = f"{COMMAND}-I -S {STUB} {address} "

    def start_process(command: Sequence[str], *more: Any, **options: Any) -> Any:
        return start([word.replace(COMMAND, by_stub, 1) for word in command], *more, **options)

    services.start_ray_process = start_process


def serve_workers(address: str) -> None:
    """Import what workers do, and leave a process that workers part from, until this one ends."""
    gc.disable()  # nothing of what is imported is garbage
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()
    assert "ray" not in sys.modules, "it reads variables of each worker when it is imported"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(20)
    served = os.pidfd_open(os.getpid())
    if os.fork():
        listener.close()
        os.close(served)
        return
    with Path(os.devnull).open("r+b", buffering=0) as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(nothing.fileno(), 1)
    children = set[int]()
    while served not in (found := select.select([listener.fileno(), served], [], [])[0]):
        if found:
            children |= _part_worker(listener)
        children = {child for child in children if not os.waitpid(child, os.WNOHANG)[0]}
    os._exit(0)


def _part_worker(listener: socket.socket) -> set[int]:
    """Answer a stub; the id of the worker that parted, if one did."""
    asked, _ = listener.accept()
    streams: list[int] = []
    child = 0
    with asked, contextlib.suppress(OSError):
        _, streams, _, _ = socket.recv_fds(asked, 1, 3)
        job = json.loads(b"".join(iter(lambda: asked.recv(2**16), b"")))
        more = find_variables(job["words"])
        if more is not None:
            child = os.fork()
            if not child:
                listener.close()
                asked.close()
                become_worker(streams, more, **job)
            asked.sendall(GRANTED)
    for stream in streams:
        os.close(stream)
    return {child} if child else set()


def find_variables(words: Sequence[str]) -> dict[str, str] | None:
    """The variables of the runtime environment of a worker; null where it needs an interpreter of its own."""
    told = next((word.removeprefix(CONTEXT) for word in words if word.startswith(CONTEXT)), "{}")
    context = json.loads(told)
    strange = [name for name, value in context.items() if value and name not in HEEDED]
    if strange or context.get("py_executable", sys.executable) != sys.executable:
        return None
    return dict(context.get("env_vars") or {})


def become_worker(
    streams: Sequence[int], more: Mapping[str, str], words: list[str], variables: dict[str, str], folder: str
) -> None:
    """Be what the command of a worker is once it has imported torch, in a session of its own, until that ends."""
    code = 1
    try:
        os.setsid()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, "w" if number else "r") for number in range(3))
        os.chdir(folder)
        os.environ.clear()
        os.environ.update({**variables, **more})
        tempfile.tempdir = None
        random.seed()
        gc.enable()
        script = next(number for number, word in enumerate(words[1:], 1) if word.endswith(".py"))
        sys.argv = [word for word in words[script:] if not word.startswith((CONTEXT, "--language="))]
        del sys.path[0]
        if "PYTHONSAFEPATH" not in os.environ:
            sys.path.insert(0, str(Path(sys.argv[0]).parent))
        runpy.run_path(sys.argv[0], run_name="__main__")
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)
