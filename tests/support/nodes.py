"""Several Ray nodes on loopback, each with processes of its own, that come and go as machines do."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ray._private import services
from ray._private.node import Node
from ray.cluster_utils import Cluster

from orchestrator.cluster.private_ray import UNNEEDED
from tests.support.clusters import family
from tests.support.harness import LIMIT, kill
from tests.support.parted_workers import part_workers

LOOPBACK = "127.0.0.1"
FAST = {
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 3,
}
"""Notice a node that is gone within seconds, not within the minute that suits a real network."""


class Nodes:
    """A head, and the nodes that are added."""

    def __init__(self, folder: Path, cpus: int) -> None:
        """:param folder: for Ray's files; its name must be short.
        :param cpus: of the head.
        """
        head = {"num_cpus": cpus, "temp_dir": str(folder / "ray"), "_system_config": FAST}
        self._cluster = Cluster(initialize_head=True, head_node_args={**head, **_common()})

    @property
    def address(self) -> str:
        """For `--address`."""
        return str(self._cluster.address)

    def add(self, cpus: int = 1) -> Any:
        """A new node, once the head knows it."""
        return self._cluster.add_node(num_cpus=cpus, **_common())

    def kill(self, node: Any) -> None:
        """Take a node away as a machine that loses power: every process at once."""
        kill(_list_processes(node))
        self._cluster.remove_node(node, allow_graceful=False)

    def kill_head(self) -> None:
        """Take the head away."""
        self.kill(self._cluster.head_node)

    def restart_head(self) -> None:
        """End the control service and start it again at the same port, with nothing of what it knew."""
        self._cluster.head_node.kill_gcs_server()
        self._cluster.head_node.start_gcs_server()

    def drain(self, node: Any, seconds: float) -> None:
        """Announce that a node will be taken away, as a spot market does."""
        from ray._raylet import GcsClient  # type: ignore[attr-defined]
        from ray.core.generated import autoscaler_pb2

        reason = autoscaler_pb2.DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION")
        deadline = int(1000 * (time.time() + seconds))
        accepted, why = GcsClient(address=self.address).drain_node(node.node_id, reason, "spot", deadline)
        assert accepted, why

    def close(self) -> None:
        """End every process."""
        nodes = self._cluster.list_all_nodes()
        left = {pid for node in nodes for pid in _list_processes(node)}
        self._cluster.shutdown()
        kill(left)


def _common() -> dict[str, Any]:
    return {"node_ip_address": LOOPBACK, "include_dashboard": False, "object_store_memory": 100 * 2**20}


def _list_processes(node: Any) -> set[int]:
    """Those that run, and everything below them."""
    found = set()
    for processes in node.all_processes.values():
        for info in processes:
            if info.process.poll() is None:
                found |= family(info.process.pid)
    return found


def _get_node(get_node: Callable[[str, str], Any], address: str, node: str) -> Any:
    """What the head knows of a node, once it does: the half minute that Ray waits for it is short on a busy machine."""
    end = time.monotonic() + LIMIT
    while True:
        try:
            return get_node(address, node)
        except RuntimeError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


@contextmanager
def nodes_on_loopback(cpus: int = 0) -> Iterator[Nodes]:
    """Nodes in a private folder, all gone afterwards.

    :param cpus: of the head; with none it runs no stages.
    """
    folder = Path(tempfile.mkdtemp(prefix="adv", dir="/tmp"))
    (folder / "ray").mkdir()
    before = dict(os.environ)
    os.environ |= {"RAY_TMPDIR": str(folder), "RAY_USAGE_STATS_ENABLED": "0"}
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # the switch that keeps Ray on loopback
    nodes = None
    try:
        with part_workers(), pytest.MonkeyPatch.context() as patched:
            for name in UNNEEDED:
                patched.setattr(Node, name, lambda self, **options: None)  # noqa: ARG005
            patched.setattr(services, "get_node", partial(_get_node, services.get_node))
            nodes = Nodes(folder, cpus)
            yield nodes
    finally:
        if nodes:
            nodes.close()
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(folder, ignore_errors=True)
