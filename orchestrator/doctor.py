"""What of this machine a sweep depends on, and whether it is in order."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from orchestrator.text import format_count
from tasks.errors import UsageError
from tasks.fingerprints import get_cache_folder
from tasks.local_paths import list_missing_folders
from tasks.storage.storage import check_writable, open_storage

PACKAGES = ("torch", "torchvision", "ray", "pyarrow", "duckdb", "pydantic", "safetensors", "wandb", "torch-pruning")
LEAST_FREE = 1 << 30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    fine: bool
    detail: str


def examine_machine(storage: str, data_dir: Path | None, address: str | None = None) -> list[Finding]:
    """Look at packages, processors, disk, storage and data folder, and at a cluster where its address is given."""
    findings = [Finding("python", True, platform.python_version())]
    findings += [_check_package(name) for name in PACKAGES]
    findings += [
        _check_processors(),
        _check_gpus(),
        _check_torchvision(),
        _check_free_space(get_cache_folder()),
        _check_storage(storage),
    ]
    if data_dir is not None:
        findings.append(Finding("data folder", data_dir.is_dir(), str(data_dir)))
    findings.append(_check_job_submission())
    if address is not None:
        findings += _check_cluster(address)
    return findings


def _check_package(name: str) -> Finding:
    try:
        return Finding(name, True, version(name))
    except PackageNotFoundError:
        return Finding(name, False, "not installed")


def _check_processors() -> Finding:
    import torch

    count = torch.cuda.device_count()
    names = ", ".join(torch.cuda.get_device_name(place) for place in range(count)) or "no GPU"
    return Finding("processors", True, f"{format_count(os.cpu_count() or 1, 'CPU')}, {names}")


def _check_gpus() -> Finding:
    """What each kind of stage would get of this machine's GPUs, were nothing said of it."""
    from orchestrator.cluster.placement import NO_GPU, place_stages, survey_machine
    from orchestrator.space.resources import ResourceTable
    from tasks.kinds import KINDS

    supply = survey_machine()
    return Finding("GPUs", not supply.problem, place_stages(ResourceTable(), KINDS, "auto", supply).words or NO_GPU)


def _check_torchvision() -> Finding:
    try:
        import torchvision.ops

        torchvision.ops.nms  # noqa: B018 (its operators are registered only where the builds fit)
    except (ImportError, RuntimeError, OSError) as error:
        return Finding("torch and torchvision fit", False, str(error).splitlines()[0])
    return Finding("torch and torchvision fit", True, "yes")


def _check_free_space(folder: Path) -> Finding:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    return Finding("cache", free > LEAST_FREE, f"{folder}, {free / 1e9:.0f} GB free")


def _check_storage(uri: str) -> Finding:
    try:
        opened = open_storage(uri)
        missing = list_missing_folders(opened.local) if opened.local else []
        check_writable(opened)
        for folder in missing:
            folder.rmdir()
    except UsageError as error:
        return Finding("storage", False, str(error))
    return Finding("storage", True, f"{opened.uri} can be written")


def _check_job_submission() -> Finding:
    """Whether sweeps can be submitted as jobs from here, and whether a token is kept safe."""
    from importlib.util import find_spec

    if find_spec("aiohttp") is None:
        return Finding("Ray jobs", True, "not installed (optional): pip install 'advsweep[cluster]'")
    token = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
    if token.is_file() and token.stat().st_mode & 0o077:
        return Finding(
            "Ray jobs", True, f"http://HEAD:8265 can be used; others can read Ray's token: chmod 600 {token}"
        )
    mode = "asked for" if os.environ.get("RAY_AUTH_MODE") == "token" else "not asked for (RAY_AUTH_MODE)"
    return Finding("Ray jobs", True, f"http://HEAD:8265 can be used; token: {mode}")


def _check_cluster(address: str) -> list[Finding]:
    """What is at an address: the jobs of a dashboard, or the nodes of a cluster that this machine can join."""
    from orchestrator.cluster.address import AddressKind, check_answers, parse_address

    try:
        place = parse_address(address)
        check_answers(place)
        if place.place is AddressKind.job:
            from orchestrator.remote.ray_jobs import RayJobs

            found = RayJobs(place).all()
            return [Finding("cluster", True, f"{address}: {sum(not job.over for job in found)} sweeps run as Ray jobs")]
        if place.place is AddressKind.client:
            return [Finding("cluster", True, f"{address}: answers")]
        return _check_nodes(address)
    except UsageError as error:
        return [Finding("cluster", False, str(error))]


def _check_nodes(address: str) -> list[Finding]:
    from orchestrator.cluster.connect import connect_cluster
    from orchestrator.cluster.survey import collect_versions, survey

    here = collect_versions()
    with connect_cluster(address):
        reports = survey()
    findings = []
    for report in reports:
        other = [f"{name} {told}, here {here[name]}" for name, told in report.versions.items() if told != here[name]]
        detail = f"{report.name}: {report.shape}" + "".join(f"; {difference}" for difference in other)
        findings.append(Finding("head" if report.head else "node", not other, detail))
        findings += [Finding("may start", True, str(shape)) for shape in report.growth.types]
    return findings
