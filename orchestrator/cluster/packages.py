"""The code that travels to a cluster: advsweep's own packages and nothing else, so that every node runs the same."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

PACKAGES = ("advsweep", "orchestrator", "tasks", "search_spaces")
EXCLUDES = ["**/__pycache__", "**/.?*", "**/*.pyc", "**/*.so", "**/*.ipynb"]
"""Spelled out, since Ray sends whatever lies in a folder."""


def build_runtime_environment() -> dict[str, Any]:
    """Ray's description of the code: four packages, no variables, no other files."""
    return {"py_modules": [str(folder) for folder in list_package_folders()], "excludes": EXCLUDES}


def list_package_folders() -> list[Path]:
    """Where the packages of this process lie."""
    found = [find_spec(name) for name in PACKAGES]
    return [Path(spec.origin).parent for spec in found if spec is not None and spec.origin is not None]


def count_code_bytes() -> int:
    """Bytes of the files that travel, before they are packed."""
    files = [file for folder in list_package_folders() for file in folder.rglob("*") if "__pycache__" not in file.parts]
    return sum(file.stat().st_size for file in files if file.is_file())
