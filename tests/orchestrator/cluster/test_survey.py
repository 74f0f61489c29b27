"""What each node of a cluster must have in common with the driver."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import ray
from ray.util import scheduling_strategies

from orchestrator.cluster import survey as surveys
from orchestrator.cluster.capacity import Growth, Shape
from orchestrator.cluster.survey import (
    HEAD,
    NodeReport,
    check_nodes,
    collect_versions,
    find_growth,
    hash_code,
    list_shapes,
    survey,
)
from tasks.errors import UsageError
from tasks.storage.local_folder import LocalFolder
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


def test_a_node_runs_stages_by_its_cpus_or_by_its_gpus(tmp_path: Path) -> None:
    assert [NodeReport("n", Shape("node", *has)).works for has in ((0, 0), (1, 0), (0, 1))] == [False, True, True]
    blind = NodeReport("n", Shape("node", 0, 0), versions=collect_versions(), sees_storage=False, sees_data=False)
    check_nodes([blind], open_storage(tmp_path), Path("/data"))


def test_what_must_be_alike_is_the_release_of_python_and_of_packages_and_the_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def find(name: str) -> str:
        if name == "torchvision":
            raise PackageNotFoundError
        return {"ray": "2.54.0", "torch": "2.6.0+cu130"}[name]

    monkeypatch.setattr(surveys, "version", find)
    monkeypatch.setattr(surveys, "hash_code", lambda: "abc")
    monkeypatch.setattr(platform, "python_version_tuple", lambda: ("3", "11", "7"))
    assert collect_versions() == {
        "python": "3.11", "advsweep code": "abc", "ray": "2.54.0", "torch": "2.6.0", "torchvision": "not installed",
    }  # fmt: skip


def test_the_code_is_what_modules_are_called_and_what_stands_in_them_wherever_they_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hash_files(place: str, files: dict[str, str]) -> str:
        for name, text in files.items():
            file = tmp_path / place / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        monkeypatch.setattr(surveys, "list_package_folders", lambda: [tmp_path / place / "tasks"])
        return hash_code()

    files = {"tasks/a.py": "1", "tasks/room/b.py": "2", "tasks/note.txt": "x"}
    code = hash_files("one", files)
    assert len(code) == 12
    assert hash_files("two", dict(reversed(files.items())) | {"tasks/note.txt": "y"}) == code
    assert hash_files("three", files | {"tasks/room/b.py": "3"}) != code
    assert hash_files("four", {"tasks/a.py": "1", "tasks/b.py": "2"}) != code


class Asked:
    """A Ray of three nodes, one of them dead; each answers in this process what it would say there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.nodes = [
            {"Alive": True, "NodeID": "id1", "NodeManagerAddress": "n1", "Resources": {"CPU": 8.0, "GPU": 2.0}},
            {"Alive": False, "NodeID": "id2", "NodeManagerAddress": "n2", "Resources": {"CPU": 4.0, HEAD: 1.0}},
            {"Alive": True, "NodeID": "id3", "NodeManagerAddress": "n3", "Resources": {HEAD: 1.0}},
        ]
        self.calls: list[tuple[Any, tuple[Any, ...]]] = []
        self.late: set[str] = set()
        self.error: Exception | None = None
        self.waits: list[tuple[int, float]] = []
        monkeypatch.setattr(ray, "nodes", lambda: self.nodes)
        monkeypatch.setattr(ray, "get_runtime_context", lambda: SimpleNamespace(gcs_address="10.0.0.1:6379"))
        monkeypatch.setattr(ray, "remote", self.remote)
        monkeypatch.setattr(ray, "wait", self.wait)
        monkeypatch.setattr(ray, "get", self.get)
        monkeypatch.setattr(scheduling_strategies, "NodeAffinitySchedulingStrategy", lambda node, soft: (node, soft))
        monkeypatch.setattr(surveys, "collect_versions", lambda: {"python": "3.11"})
        monitor = ["/ray/monitor.py", "--gcs-address=10.0.0.1:6379"]
        monkeypatch.setattr(psutil, "process_iter", lambda _: [SimpleNamespace(info={"cmdline": monitor})])
        monkeypatch.setattr(surveys, "read_growth", lambda command: Growth((Shape(" ".join(command), 1, 1),)))

    def remote(self, num_cpus: int, max_retries: int, scheduling_strategy: tuple[str, bool]) -> Any:
        assert (num_cpus, max_retries, scheduling_strategy[1]) == (0, 1, False)

        def make(function: Any) -> Any:
            assert function is surveys._report

            def call(*arguments: Any) -> str:
                self.calls.append((scheduling_strategy[0], arguments))
                return f"{scheduling_strategy[0]}#{len(self.calls) - 1}"

            return SimpleNamespace(remote=call)

        return make

    def wait(self, refs: list[str], num_returns: int = 1, timeout: float = 0) -> Any:
        self.waits.append((num_returns, timeout))
        ready = [ref for ref in refs if ref.split("#")[0] not in self.late]
        return ready, [ref for ref in refs if ref not in ready]

    def get(self, ref: str) -> Any:
        if self.error is not None:
            raise self.error
        return surveys._report(*self.calls[int(ref.split("#")[1])][1])


AUTOSCALER = Growth((Shape("/ray/monitor.py --gcs-address=10.0.0.1:6379", 1, 1),))


def test_every_living_node_is_asked_what_it_has_and_sees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch)
    storage = open_storage(tmp_path)
    found = survey(storage, tmp_path / "data")
    versions = {"python": "3.11"}
    first = NodeReport("n1", Shape("node", 8.0, 2.0), False, versions, True, False)
    last = NodeReport("n3", Shape("node", 0.0, 0.0), True, versions, True, False, AUTOSCALER)
    assert found == [first, last]
    probe = asked.calls[0][1][3]
    assert [(node, words) for node, words in asked.calls] == [
        ("id1", (False, "10.0.0.1:6379", storage.uri, probe, tmp_path / "data")),
        ("id3", (True, "10.0.0.1:6379", storage.uri, probe, tmp_path / "data")),
    ]
    assert asked.waits == [(2, 120.0)]
    asked.late = {"id1"}
    assert [report.name for report in survey()] == ["n3"]
    assert [report.sees_storage for report in survey()] == [True]
    assert list_shapes() == [first.shape, last.shape]


def test_a_node_is_shown_a_file_while_it_is_asked_and_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(monkeypatch)
    (tmp_path / "data").mkdir()
    removed: list[str] = []
    monkeypatch.setattr(LocalFolder, "remove", lambda _, path: removed.append(path))
    assert [report.sees_data for report in survey(open_storage(tmp_path), tmp_path / "data")] == [True, True]
    assert removed == [asked.calls[0][1][3]]
    assert removed[0].startswith(".probe-")
    assert not surveys._report(False, "", str(tmp_path), ".probe-other", None)["sees_storage"]
    asked.error = ray.exceptions.RayError("trace\nModuleNotFoundError: no torch")
    with pytest.raises(UsageError, match=r"^node n1 cannot run advsweep: ModuleNotFoundError: no torch$"):
        survey(open_storage(tmp_path))
    assert len(removed) == 2
    asked.error = ray.exceptions.RayError("")
    with pytest.raises(UsageError, match=r"^node n1 cannot run advsweep: RayError$"):
        survey()
    assert len(removed) == 2


def test_the_head_that_lives_says_what_may_still_come(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch)
    assert find_growth() == AUTOSCALER
    assert asked.calls == [("id3", (True, "10.0.0.1:6379", None, "", None))]
    asked.late = {"id3"}
    assert find_growth() == Growth(known=False)
    assert asked.waits == [(1, 120.0)] * 2
    asked.nodes.pop()
    assert find_growth() == Growth(known=False)
    assert len(asked.calls) == 2


def test_the_autoscaler_is_that_of_this_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    here = ["python", "/ray/monitor.py", "--gcs-address=10.0.0.1:6379", "--autoscaling-config=/a.yaml"]
    others = [None, [*here[:2], "--gcs-address=10.0.0.1:63790"], ["python", "/ray/log_monitor.pyc", *here[2:]]]
    running = [SimpleNamespace(info={"cmdline": command}) for command in (*others, here)]
    monkeypatch.setattr(psutil, "process_iter", lambda _: running)
    assert surveys._find_autoscaler("10.0.0.1:6379") == here
    assert surveys._find_autoscaler("10.0.0.2:6379") is None
