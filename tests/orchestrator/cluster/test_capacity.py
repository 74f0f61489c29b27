"""What stages ask for, held against what nodes have and may come to have."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ray._private import accelerators
from ray._private.accelerators.nvidia_gpu import NvidiaGPUAcceleratorManager

from orchestrator.cluster.capacity import (
    Growth,
    Shape,
    check_fits,
    count_usable_cpus,
    count_usable_gpus,
    describe_capacity,
    read_growth,
    read_node_types,
)
from orchestrator.space.resources import Resources
from tasks.devices import VISIBLE
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
    renamed = file.rename(tmp_path / "size=small.yaml")
    assert read_growth([f"--autoscaling-config={renamed}"]) == Growth((Shape("type a", 4, 1),))
    assert read_growth(["python", "monitor.py"]) == Growth(), "a cluster that was started by hand"
    assert not read_growth([f"--autoscaling-config={file}"]).known, "the file is not there any more"
    renamed.write_text("[a, list]")
    assert not read_growth([f"--autoscaling-config={renamed}"]).known
    assert not read_growth(None).known, "one whose autoscaler is elsewhere"
    assert not read_node_types({"available_node_types": {"a": {"resources": {}}}, "max_workers": 1}).known


def test_what_a_node_type_has_and_whether_it_may_start() -> None:
    types = {
        "small": {"resources": {"CPU": 2}, "max_workers": 1},
        "many": {"resources": {"CPU": 16, "GPU": 4}},
        "head": {"resources": {"CPU": 8}, "max_workers": 0},
        "silent": {"max_workers": 3},
    }
    small, many, silent = Shape("type small", 2, 0), Shape("type many", 16, 4), Shape("type silent", 0, 0)
    assert read_node_types({"available_node_types": types, "max_workers": 5}) == Growth((small, many, silent), False)
    assert read_node_types({"available_node_types": types}) == Growth((small, silent), False), "of many none may start"
    assert read_node_types({}) == Growth()


def test_what_there_is_and_may_come_is_counted_in_words() -> None:
    nodes = [Shape("node", 8, 0.5), Shape("node", 4, 1), Shape("node", 8, 0.5)]
    growth = Growth((Shape("type big", 16, 4),), known=False)
    assert describe_capacity(nodes, growth) == (
        "2 x node of 8 CPUs and 0.5 GPUs, 1 x node of 4 CPUs and 1 GPU, may start type big of 16 CPUs and 4 GPUs, "
        "may grow by nodes that it does not name"
    )
    assert describe_capacity([], Growth()) == "no node"


def test_a_run_needs_its_cpus_and_its_gpus_on_the_same_node() -> None:
    with pytest.raises(UsageError, match="train asks for 6 CPUs and 1 GPU; no node has that"):
        check_fits({"attack": Resources(), "train": Resources(cpus=6, gpus=1)}, [Shape("node", 8, 0), GPU], Growth())
    check_fits({"train": Resources(cpus=4, gpus=1)}, [Shape("node", 8, 0), GPU], Growth())


def test_cpus_are_those_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 3, 5} if process == 0 else set())
    assert count_usable_cpus() == 3


@pytest.mark.parametrize(
    ("visible", "count"),
    [(None, 4), ("", 0), ("-1", 0), ("NoDevFiles", 0), ("2", 1), ("0,2", 2), ("0, 2", 2), ("1,-1,0", 1), ("3,", 1),
     ("GPU-a,GPU-b", 2), ("0,1,2,3,4,5", 4)],
)  # fmt: skip
def test_gpus_are_counted_as_cuda_reads_what_may_be_seen(
    visible: str | None, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NvidiaGPUAcceleratorManager, "get_current_node_num_accelerators", lambda: 4)
    monkeypatch.setattr(accelerators, "get_accelerator_manager_for_resource", lambda _: NvidiaGPUAcceleratorManager)
    monkeypatch.setenv(VISIBLE, visible or "")
    if visible is None:
        monkeypatch.delenv(VISIBLE)
    assert count_usable_gpus() == count
