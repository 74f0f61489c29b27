"""The code that workers run: advsweep's own packages and nothing else, so that every node runs the same.

Ray would have every worker import from the folder that the launch was started in, before all else: a `tasks.py` or a
`random.py` there would run in place of ours, and of Python's own.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PACKAGES = ("advsweep", "orchestrator", "tasks", "search_spaces")
EXCLUDES = ["**/__pycache__", "**/.?*", "**/*.pyc", "**/*.so", "**/*.ipynb"]
"""Spelled out, since Ray sends whatever lies in a folder."""


def build_runtime_environment() -> dict[str, Any]:
    """Ray's description of the code: four packages, no variables, no other files."""
    return {"py_modules": [str(folder) for folder in list_package_folders()], "excludes": EXCLUDES}


def make_job_config(folders: Sequence[Path] = ()) -> Any:
    """Where the workers of this process import from beside the installation; the working directory is not among it.

    :param folders: go before everything else.
    """
    from ray.job_config import JobConfig

    class WithoutWorkingDirectory(JobConfig):  # type: ignore[misc]
        def _runtime_env_has_working_dir(self) -> bool:
            return True  # only then Ray adds neither this process's folder nor that of its script

    return WithoutWorkingDirectory(_py_driver_sys_path=[str(folder) for folder in folders])


def list_code_folders() -> list[Path]:
    """The folders that hold the packages of this process, without those from which every Python imports."""
    installed = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
    return [folder for folder in dict.fromkeys(f.parent for f in list_package_folders()) if folder not in installed]


def list_package_folders() -> list[Path]:
    """Where the packages of this process lie."""
    found = [find_spec(name) for name in PACKAGES]
    return [Path(spec.origin).parent for spec in found if spec is not None and spec.origin is not None]


def count_code_bytes() -> int:
    """Bytes of the files that travel, before they are packed."""
    files = [file for folder in list_package_folders() for file in folder.rglob("*") if "__pycache__" not in file.parts]
    return sum(file.stat().st_size for file in files if file.is_file())
