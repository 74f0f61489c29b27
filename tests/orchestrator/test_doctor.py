"""What a machine is found to be like."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from orchestrator import doctor
from orchestrator.cluster import connect, survey
from orchestrator.cluster.capacity import Growth, Shape
from orchestrator.cluster.survey import NodeReport, collect_versions
from orchestrator.doctor import LEAST_FREE, Finding, examine_machine
from orchestrator.remote import ray_jobs
from tests.support.scripted_jobs import ScriptedJobs


def found(storage: Path, data_dir: Path | None = None, address: str | None = None) -> dict[str, Finding]:
    return {finding.what: finding for finding in examine_machine(str(storage), data_dir, address)}


def test_a_machine_that_is_in_order_leaves_nothing_behind(tmp_path: Path) -> None:
    findings = found(tmp_path / "new" / "storage", tmp_path)
    assert all(finding.fine for finding in findings.values()), findings
    assert {*doctor.PACKAGES, "python", "processors", "cache", "storage", "data folder"} <= findings.keys()
    assert findings["processors"].detail.endswith("no GPU") or "," in findings["processors"].detail
    assert not (tmp_path / "new").exists()


def test_a_package_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PACKAGES", ("torch", "no-such-package"))
    findings = found(tmp_path)
    assert findings["torch"].fine
    assert findings["no-such-package"] == Finding("no-such-package", False, "not installed")


def test_a_disk_a_storage_and_a_data_folder_that_are_no_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=LEAST_FREE - 1))
    (tmp_path / "file").write_text("")
    findings = found(tmp_path / "file", tmp_path / "absent")
    assert [what for what, finding in findings.items() if not finding.fine] == ["cache", "storage", "data folder"]
    assert "is a file" in findings["storage"].detail


def test_a_token_that_others_can_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = tmp_path / "token"
    token.write_text("7" * 64)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    token.chmod(0o644)
    assert f"others can read Ray's token: chmod 600 {token}" in found(tmp_path)["Ray jobs"].detail
    token.chmod(0o600)
    assert found(tmp_path)["Ray jobs"].detail.endswith("token: asked for")
    monkeypatch.delenv("RAY_AUTH_MODE")
    assert "not asked for (RAY_AUTH_MODE)" in found(tmp_path)["Ray jobs"].detail
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert "pip install 'advsweep[cluster]'" in found(tmp_path)["Ray jobs"].detail


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "ray://127.0.0.1:1", "nonsense"])
def test_a_cluster_that_does_not_answer(address: str, tmp_path: Path) -> None:
    finding = found(tmp_path, address=address)["cluster"]
    assert not finding.fine
    assert finding.detail.startswith(f"--address {address}: ")


def test_a_dashboard_tells_how_many_sweeps_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestrator.cluster import address

    monkeypatch.setattr(address, "check_answers", lambda _: None)
    monkeypatch.setattr(ray_jobs, "RayJobs", ScriptedJobs)
    assert found(tmp_path, address="http://head:8265")["cluster"] == Finding(
        "cluster", True, "http://head:8265: 1 sweeps run as Ray jobs"
    )
    assert found(tmp_path, address="ray://head:10001")["cluster"].detail == "ray://head:10001: answers"


def test_each_node_is_compared_with_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = collect_versions()
    growth = Growth((Shape("type big", 8, 4),))
    reports = [
        NodeReport("n0", Shape("node", 2, 0), versions=here, head=True, growth=growth),
        NodeReport("n1", Shape("node", 4, 1), versions=here | {"torch": "1.0"}),
    ]

    @contextmanager
    def connected(_: str) -> Iterator[None]:
        yield

    from orchestrator.cluster import address

    monkeypatch.setattr(address, "check_answers", lambda _: None)
    monkeypatch.setattr(connect, "connect_cluster", connected)
    monkeypatch.setattr(survey, "survey", lambda: reports)
    findings = found(tmp_path, address="10.0.0.1:6379")
    assert findings["head"] == Finding("head", True, "n0: node of 2 CPUs and 0 GPUs")
    node = f"n1: node of 4 CPUs and 1 GPU; torch 1.0, here {here['torch']}"
    assert findings["node"] == Finding("node", False, node)
    assert findings["may start"].detail == "type big of 8 CPUs and 4 GPUs"
