"""What workers import from."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest
from ray.job_config import JobConfig

from orchestrator.cluster import packages
from orchestrator.cluster.packages import (
    EXCLUDES,
    build_runtime_environment,
    count_code_bytes,
    list_code_folders,
    list_package_folders,
    make_job_config,
)


def test_ray_is_told_of_our_code_and_adds_no_folder_of_its_own() -> None:
    config = make_job_config([Path("/code")])
    assert isinstance(config, JobConfig)
    assert config._runtime_env_has_working_dir(), "what Ray asks before it adds the working directory"
    assert not JobConfig()._runtime_env_has_working_dir()
    assert list(config._get_proto_job_config().py_driver_sys_path) == ["/code"]
    assert not config._get_proto_job_config().runtime_env_info.HasField("uris"), "nothing is packed or sent for it"


def test_only_code_that_is_not_installed_is_added(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    roots = {folder.parent for folder in list_package_folders()}
    assert {folder.name for folder in list_package_folders()} == set(packages.PACKAGES)
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    assert set(list_code_folders()) == roots
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(next(iter(roots))))
    assert next(iter(roots)) not in list_code_folders(), "before the standard library it would hide a part of that"


def test_only_our_packages_travel_and_no_variable() -> None:
    environment = build_runtime_environment()
    assert environment == {"py_modules": [str(folder) for folder in list_package_folders()], "excludes": EXCLUDES}
    assert count_code_bytes() < 3e6
