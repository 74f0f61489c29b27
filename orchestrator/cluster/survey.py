"""What each node of a joined cluster has and sees: versions, code, storage, data. Asked before anything is started."""

from __future__ import annotations

import hashlib
import platform
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from orchestrator.cluster.capacity import Growth, Shape, read_growth
from orchestrator.cluster.packages import list_package_folders
from tasks.errors import UsageError
from tasks.storage.storage import Storage, open_storage

HEAD = "node:__internal_head__"
ANSWER = 120.0
"""Seconds that a node has to fetch the code, start a process and answer."""
SAME = ("ray", "torch", "torchvision")
"""Packages that decide what a stage computes, or whether processes understand each other."""


@dataclass(frozen=True)
class NodeReport:
    """What a node says of itself."""

    name: str
    shape: Shape
    head: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)
    sees_storage: bool = True
    sees_data: bool = True
    growth: Growth = field(default_factory=Growth)
    """Of the head alone: what an autoscaler may add."""

    @property
    def works(self) -> bool:
        """Whether stages may run here."""
        return self.shape.cpus > 0 or self.shape.gpus > 0


def collect_versions() -> dict[str, str]:
    """What must be the same on every node. Builds of one release (`+cpu`, `+cu130`) count as the same."""
    found = {"python": ".".join(platform.python_version_tuple()[:2]), "advsweep code": hash_code()}
    for name in SAME:
        try:
            found[name] = version(name).split("+")[0]
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def find_difference(there: Mapping[str, str], driver: Mapping[str, str]) -> str | None:
    """The first thing in which a node is not as the driver, in words."""
    for name, found in there.items():
        if found != driver[name]:
            return f"has {name} {found}, the driver has {driver[name]}: they must be the same"
    return None


def hash_code() -> str:
    """A hash of the modules that this process imports, wherever they lie."""
    content = hashlib.sha256()
    for folder in list_package_folders():
        for file in sorted(folder.rglob("*.py")):
            content.update(file.relative_to(folder.parent).as_posix().encode() + file.read_bytes())
    return content.hexdigest()[:12]


def survey(storage: Storage | None = None, data_dir: Path | None = None) -> list[NodeReport]:
    """Ask every living node.

    :param storage: where a small file is shown to every node; null: not asked for.
    :raises UsageError: a node could not be asked; the message names it and the reason.
    """
    import ray

    probe = f".probe-{uuid.uuid4().hex[:8]}"
    if storage is not None:
        storage.write(probe, b"advsweep")
    try:
        uri = storage.uri if storage is not None else None
        alive = [node for node in ray.nodes() if node["Alive"]]
        asked = {_ask(node, uri, probe, data_dir): node for node in alive}
        ready, _ = ray.wait(list(asked), num_returns=len(asked), timeout=ANSWER)
        return [_await_report(ref, asked[ref]) for ref in ready]
    finally:
        if storage is not None:
            storage.remove(probe)


def list_shapes() -> list[Shape]:
    """What each living node has."""
    import ray

    return [_read_shape(node) for node in ray.nodes() if node["Alive"]]


def find_growth() -> Growth:
    """What an autoscaler may add to the cluster; its head is asked.

    :raises UsageError: it could not be asked.
    """
    import ray

    head = next((node for node in ray.nodes() if node["Alive"] and HEAD in node["Resources"]), None)
    if head is None:
        return Growth(known=False)
    ref = _ask(head, None, "", None)
    ready, _ = ray.wait([ref], timeout=ANSWER)
    return _await_report(ref, head).growth if ready else Growth(known=False)


def _read_shape(node: Mapping[str, Any]) -> Shape:
    return Shape("node", node["Resources"].get("CPU", 0.0), node["Resources"].get("GPU", 0.0))


def _ask(node: Mapping[str, Any], uri: str | None, probe: str, data_dir: Path | None) -> Any:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
    task = ray.remote(num_cpus=0, max_retries=1, scheduling_strategy=here)(_report)
    return task.remote(HEAD in node["Resources"], ray.get_runtime_context().gcs_address, uri, probe, data_dir)


def _await_report(ref: Any, node: Mapping[str, Any]) -> NodeReport:
    import ray

    name = node["NodeManagerAddress"]
    try:
        answer = ray.get(ref)
    except ray.exceptions.RayError as error:
        reason = str(getattr(error, "cause", None) or error).strip().splitlines()
        raise UsageError(
            f"node {name} cannot run advsweep: {reason[-1] if reason else type(error).__name__}"
        ) from error
    return NodeReport(name, _read_shape(node), HEAD in node["Resources"], **answer)


def _report(head: bool, gcs_address: str, uri: str | None, probe: str, data_dir: Path | None) -> dict[str, Any]:
    """Runs on the node."""
    answer: dict[str, Any] = {"versions": collect_versions()}
    if uri is not None:
        answer["sees_storage"] = open_storage(uri).exists(probe)
    if data_dir is not None:
        answer["sees_data"] = data_dir.is_dir()
    if head:
        answer["growth"] = read_growth(_find_autoscaler(gcs_address))
    return answer


def _find_autoscaler(gcs_address: str) -> list[str] | None:
    """The command line of this cluster's autoscaler, if it runs on this node."""
    import psutil  # Ray brings its own

    for process in psutil.process_iter(["cmdline"]):
        command: list[str] = process.info["cmdline"] or []
        if any(word.endswith("monitor.py") for word in command) and f"--gcs-address={gcs_address}" in command:
            return command
    return None


def check_nodes(reports: Sequence[NodeReport], storage: Storage, data_dir: Path | None) -> None:
    """:raises UsageError: a node that may run stages differs from this process, or does not see storage or data."""
    here = collect_versions()
    for report in reports:
        if not report.works:
            continue
        if other := find_difference(report.versions, here):
            raise UsageError(f"node {report.name} {other}")
        if not report.sees_storage:
            raise UsageError(
                f"--storage {storage.uri}: node {report.name} does not see what the driver writes there; "
                "give a folder that every node shares, or s3://..."
            )
        if not report.sees_data:
            raise UsageError(f"--data-dir {data_dir}: does not exist on node {report.name}")
