"""What a process becomes once it has parted from one that has imported: a command, or a script that Ray starts."""

from __future__ import annotations

import gc
import importlib
import io
import json
import os
import random
import runpy
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.parted_workers import start_rays_by_stub
from tests.support.raylet_flags import set_flags

CONTEXT = "--serialized-runtime-env-context="
HEEDED = ("env_vars", "command_prefix", "py_executable", "java_jars")
"""Fields of the context of a runtime environment that are heeded here, or mean nothing to Python."""
SETUP = "setup_worker.py"
"""The script that becomes a worker once it has seen to its runtime environment, which is seen to here."""


def find_later_variables(words: Sequence[str]) -> dict[str, str] | None:
    """The variables of the runtime environment of a worker; null where it needs an interpreter of its own."""
    context = _read_context(words)
    strange = [name for name, value in context.items() if value and name not in HEEDED]
    if strange or context.get("py_executable", sys.executable) != sys.executable or _find_folder(context) is None:
        return None
    return dict(context.get("env_vars") or {})


def _read_context(words: Sequence[str]) -> dict[str, Any]:
    told = next((word.removeprefix(CONTEXT) for word in words if word.startswith(CONTEXT)), "{}")
    context: dict[str, Any] = json.loads(told)
    return context


def _find_folder(context: Mapping[str, Any]) -> str | None:
    """The folder that a runtime environment starts a worker in, nothing for its raylet's; null: it asks for more."""
    prefix = context.get("command_prefix") or ["cd", "", "&&"]
    return str(prefix[1]) if [*prefix[:1], *prefix[2:]] == ["cd", "&&"] else None


def become_script(
    streams: Sequence[int], words: Sequence[str], variables: Mapping[str, str], folder: str, flags: Mapping[str, int]
) -> None:
    """Be what `python WORDS` is once it has imported, in a session of its own, until that ends.

    :param flags: where variables are that Ray reads only once.
    """
    code = 1
    try:
        os.setsid()
        later = find_later_variables(words) or {}
        _take_over(streams, {**variables, **later}, _find_folder(_read_context(words)) or folder)
        set_flags(flags)
        sys.stdin, sys.stdout, sys.stderr = (  # Ray replaces them, and goes on with their descriptors
            os.fdopen(number, "w" if number else "r", closefd=False) for number in range(3)
        )
        script = next(at for at, word in enumerate(words) if word.endswith(".py") and not word.endswith(SETUP))
        sys.argv = [word for word in words[script:] if not word.startswith((CONTEXT, "--language="))]
        del sys.path[0]
        if "PYTHONSAFEPATH" not in os.environ:
            sys.path.insert(0, str(Path(sys.argv[0]).parent))
        sys.path[1:1] = [sent for sent in later.get("PYTHONPATH", "").split(os.pathsep) if sent]
        runpy.run_path(sys.argv[0], run_name="__main__")
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def become_command(
    streams: Sequence[int],
    words: Sequence[str],
    variables: Mapping[str, str],
    folder: str,
    patch: str = "",
    alone: bool = False,
    workers: str = "",
) -> None:
    """Be what `python -m advsweep WORDS` is once it has imported, and end as it does.

    :param patch: Python that is run before the command.
    :param alone: in a session of its own.
    :param workers: where the Ray that it starts asks for workers; empty: it starts interpreters.
    """
    try:
        if alone:
            os.setsid()
        _take_over(streams, variables, folder)
        at_once = bool(variables.get("PYTHONUNBUFFERED"))
        sys.stdin = os.fdopen(0)
        sys.stdout = io.TextIOWrapper(os.fdopen(1, "wb", 0 if at_once else -1), write_through=at_once)
        sys.stderr = io.TextIOWrapper(os.fdopen(2, "wb"), errors="backslashreplace", line_buffering=True)
        sys.path[0], sys.argv[1:] = folder, words
        if workers:
            start_rays_by_stub(workers)
        exec(patch, {})
        importlib.import_module("orchestrator.cli").main()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)  # it has ended the process, if all is well


def _take_over(streams: Sequence[int], variables: Mapping[str, str], folder: str) -> None:
    """Have the streams, variables and folder of another process, and none of the random numbers of those beside it."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    tempfile.tempdir = None
    random.seed()
    if raylet := sys.modules.get("ray._raylet"):
        raylet.Config.initialize("")  # it reads variables again
    gc.enable()
