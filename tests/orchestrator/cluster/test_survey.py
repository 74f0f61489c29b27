"""What each node of a cluster must have in common with the driver."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.cluster.capacity import Shape
from orchestrator.cluster.survey import NodeReport, check_nodes, collect_versions
from tasks.errors import UsageError
from tasks.storage.storage import open_storage

GPU = Shape("node", 4, 1)


def test_a_node_that_differs_is_named(tmp_path: Path) -> None:
    storage, here = open_storage(tmp_path), collect_versions()
    check_nodes([NodeReport("n1", GPU, versions=here)], storage, None)
    check_nodes([NodeReport("n1", Shape("node", 0, 0), versions=here | {"torch": "1.0"})], storage, None)
    for name in ("torch", "python", "ray", "advsweep code"):
        with pytest.raises(UsageError, match=f"node n1 has {name} 1.0, the driver has"):
            check_nodes([NodeReport("n1", GPU, versions=here | {name: "1.0"})], storage, None)
    with pytest.raises(UsageError, match="node n1 does not see what the driver writes"):
        check_nodes([NodeReport("n1", GPU, versions=here, sees_storage=False)], storage, None)
    with pytest.raises(UsageError, match="--data-dir /data: does not exist on node n1"):
        check_nodes([NodeReport("n1", GPU, versions=here, sees_data=False)], storage, Path("/data"))
