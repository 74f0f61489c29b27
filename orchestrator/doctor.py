"""What of this machine a sweep depends on, and whether it is in order."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tasks.data.fingerprint import cache_folder
from tasks.errors import UsageError
from tasks.storage import check_writable, open_storage

PACKAGES = ("torch", "torchvision", "ray", "pyarrow", "duckdb", "pydantic", "safetensors", "wandb", "torch-pruning")
LEAST_FREE = 1 << 30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    fine: bool
    detail: str


def examine(storage: str, data_dir: Path | None) -> list[Finding]:
    """Look at packages, processors, disk, storage and data folder."""
    findings = [Finding("python", True, platform.python_version())]
    findings += [_package(name) for name in PACKAGES]
    findings += [_processors(), _matching_torchvision(), _free(cache_folder()), _storage(storage)]
    if data_dir is not None:
        findings.append(Finding("data folder", data_dir.is_dir(), str(data_dir)))
    return findings


def _package(name: str) -> Finding:
    try:
        return Finding(name, True, version(name))
    except PackageNotFoundError:
        return Finding(name, False, "not installed")


def _processors() -> Finding:
    import torch

    count = torch.cuda.device_count()
    names = ", ".join(torch.cuda.get_device_name(place) for place in range(count)) or "no GPU"
    return Finding("processors", True, f"{os.cpu_count()} CPUs, {names}")


def _matching_torchvision() -> Finding:
    try:
        import torchvision.ops

        torchvision.ops.nms  # noqa: B018 (its operators are registered only where the builds fit)
    except (ImportError, RuntimeError, OSError) as error:
        return Finding("torch and torchvision fit", False, str(error).splitlines()[0])
    return Finding("torch and torchvision fit", True, "yes")


def _free(folder: Path) -> Finding:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    return Finding("cache", free > LEAST_FREE, f"{folder}, {free / 1e9:.0f} GB free")


def _storage(uri: str) -> Finding:
    try:
        opened = open_storage(uri)
        existed = opened.exists("")
        check_writable(opened)
        if not existed and opened.local:
            opened.local.rmdir()
    except UsageError as error:
        return Finding("storage", False, str(error))
    return Finding("storage", True, f"{opened.uri} can be written")
