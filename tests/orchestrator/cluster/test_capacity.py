"""What stages ask for, held against what nodes have and may come to have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.cluster.capacity import Growth, Shape, check_fits, read_growth, read_node_types
from orchestrator.space.resources import Resources
from tasks.errors import UsageError

GPU = Shape("node", 4, 1)


@pytest.mark.parametrize(
    ("asked", "nodes", "growth", "fits"),
    [
        (Resources(cpus=1, gpus=0.25), [GPU], Growth(), True),
        (Resources(cpus=8), [GPU, GPU], Growth(), False),
        (Resources(cpus=8, gpus=1), [GPU], Growth([Shape("type big", 8, 4)]), True),
        (Resources(cpus=16, gpus=1), [GPU], Growth([Shape("type big", 8, 4)]), False),
        (Resources(cpus=16, gpus=1), [GPU], Growth(known=False), True),
        (Resources(), [Shape("node", 0, 0)], Growth(), False),
    ],
)
def test_a_request_fits_on_one_node_or_is_refused(
    asked: Resources, nodes: list[Shape], growth: Growth, fits: bool
) -> None:
    if fits:
        check_fits({"attack": asked}, nodes, growth)
        return
    with pytest.raises(UsageError, match=r"attack asks for .* no node has that"):
        check_fits({"attack": asked}, nodes, growth)


def test_what_an_autoscaler_may_start_is_read_from_its_file(tmp_path: Path) -> None:
    types = {"a": {"resources": {"CPU": 4, "GPU": 1}, "max_workers": 2}, "head": {"resources": {}, "max_workers": 0}}
    file = tmp_path / "cluster.yaml"
    file.write_text(json.dumps({"available_node_types": types, "max_workers": 8}))
    assert read_growth(["python", "monitor.py", f"--autoscaling-config={file}"]) == Growth((Shape("type a", 4, 1),))
    assert read_growth(["python", "monitor.py"]) == Growth(), "a cluster that was started by hand"
    assert not read_growth(None).known, "one whose autoscaler is elsewhere"
    assert not read_node_types({"available_node_types": {"a": {"resources": {}}}, "max_workers": 1}).known
