"""The cluster files: valid by Ray's own validator, and what they promise is in them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from orchestrator.cluster.capacity import read_node_types
from tests.support.checkout import ROOT

LAUNCHER = ["cluster.yaml", "docs/cluster/local.yaml"]


def content(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return found


@pytest.mark.parametrize("name", LAUNCHER)
def test_ray_accepts_them(name: str) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    validate_config(prepare_config(content(name)))


def test_ray_refuses_a_slip() -> None:
    from jsonschema import ValidationError
    from ray.autoscaler._private.util import prepare_config, validate_config

    with pytest.raises(ValidationError, match="idle_timeout_minute"):
        validate_config(prepare_config(content("cluster.yaml") | {"idle_timeout_minute": 5}))


def test_the_cloud_cluster_is_what_the_documents_say() -> None:
    config = content("cluster.yaml")
    types = config["available_node_types"]
    assert types[config["head_node_type"]]["resources"]["CPU"] == 0, "no trials on the head"
    workers = [found for name, found in types.items() if name != config["head_node_type"]]
    assert all(worker["min_workers"] == 0 and worker["max_workers"] > 0 for worker in workers)
    assert all(worker["node_config"]["InstanceMarketOptions"]["MarketType"] == "spot" for worker in workers)
    assert all(worker["node_config"]["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] for worker in workers)
    growth = read_node_types(config)
    assert growth.known
    assert [(shape.cpus, shape.gpus) for shape in growth.types] == [(4, 1)]


@pytest.mark.parametrize("name", LAUNCHER)
def test_a_token_is_asked_for_and_the_dashboard_stays_at_home(name: str) -> None:
    config = content(name)
    for side in ("head", "worker"):
        (begin,) = [line for line in config[f"{side}_start_ray_commands"] if "ray start" in line]
        assert "export RAY_AUTH_MODE=token" in begin.partition("ray start")[0]
        assert "0.0.0.0" not in begin
    assert "--dashboard-host=127.0.0.1" in " ".join(config["head_start_ray_commands"])
    assert any("auth_token" in path for path in config["file_mounts"])


@pytest.mark.parametrize("name", LAUNCHER)
def test_nodes_get_everything_that_the_code_imports(name: str) -> None:
    project = (ROOT / "pyproject.toml").read_text()
    needed = re.findall(r'^  "([\w\-]+)', project.split("dependencies = [")[1].split("]\n")[0], re.MULTILINE)
    installed = " ".join(content(name)["setup_commands"])
    assert len(needed) > 10
    assert not [package for package in needed if not re.search(rf"[\s']{re.escape(package)}[\s\[']", installed + " ")]


@pytest.mark.parametrize("name", ["docs/cluster/kuberay.yaml", "docs/cluster/rayjob.yaml"])
def test_kuberay_has_the_same(name: str) -> None:
    found = content(name)
    assert found["apiVersion"] == "ray.io/v1"
    cluster = found["spec"] if found["kind"] == "RayCluster" else found["spec"]["rayClusterSpec"]
    assert cluster["authOptions"] == {"mode": "token"}
    assert cluster["enableInTreeAutoscaling"] is True
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    (workers,) = cluster["workerGroupSpecs"]
    assert workers["minReplicas"] == workers["replicas"] == 0 < workers["maxReplicas"]
    (container,) = workers["template"]["spec"]["containers"]
    assert container["resources"]["limits"] == container["resources"]["requests"]
