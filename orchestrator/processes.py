"""Python processes that import from the installation alone, wherever they are started.

`python -m` puts the working directory first on the path of imports, where a file called `random.py` would be imported
in place of the standard library's. Every Python process that advsweep starts is started here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

RUN_MODULE = """
import sys
sys.path[:] = [folder for folder in sys.path if folder]
del sys.argv[0]
import runpy
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
"""What `-P -m` does, for Python 3.10, which has no `-P`; an empty entry of the path is the working directory."""


def start_python(
    module: str, arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str], **options: Any
) -> subprocess.Popen[Any]:
    """Start `python -m MODULE ARGUMENTS` without the working directory on its path of imports.

    :param folder: its working directory; one that nobody else writes to.
    :param environment: its variables, to which those are added that keep the processes that it starts itself safe.
    :param options: of `subprocess.Popen`.
    """
    command = [*make_python_command(module), *arguments]
    return subprocess.Popen(command, cwd=folder, env=with_safe_imports(environment), **options)


def make_python_command(module: str, version: tuple[int, ...] = sys.version_info[:2]) -> list[str]:
    """The command line that runs a module of the installation, whatever lies in the working directory."""
    if version >= (3, 11):
        return [sys.executable, "-P", "-m", module]
    return [sys.executable, "-c", RUN_MODULE, module]


def with_safe_imports(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables, with which no Python imports from its working directory.

    A relative folder of `PYTHONPATH` stays what it is here; an empty one would be the working directory, and goes.
    """
    named = environment.get("PYTHONPATH", "").split(os.pathsep)
    kept = os.pathsep.join(str(Path(folder).absolute()) for folder in named if folder)
    others = {name: value for name, value in environment.items() if name != "PYTHONPATH"}
    return others | {"PYTHONSAFEPATH": "1"} | ({"PYTHONPATH": kept} if kept else {})
