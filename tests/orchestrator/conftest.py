"""Fixtures that tests of several rooms share."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.plan.plan import make_plan, plan_text
from orchestrator.space.space import load
from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tasks.storage.storage import open_storage
from tests.support.ample_sweep import CONTENT, make_ample_sweep
from tests.support.finished_sweep import remote_storage
from tests.support.made_once import make_once


@pytest.fixture
def sweep(space_file: Path, tmp_path: Path) -> SweepStore:
    """A sweep of eight trials that was planned and has no rows, on a storage that is not local."""
    plan = make_plan(load(str(space_file)), None)
    root = tmp_path / "storage"
    root.mkdir()
    storage = remote_storage(root)
    for part in ("stages", f"sweeps/{plan.sweep_id}/drivers", f"sweeps/{plan.sweep_id}/faults"):
        (root / part).mkdir(parents=True)
    found = SweepStore(storage, plan.sweep_id)
    storage.write(found.path(paths.PLAN), plan_text(plan))
    return found


@pytest.fixture(scope="session")
def ample() -> SweepStore:
    """A finished sweep in which no two numbers are alike; nobody changes it."""
    folder = make_once(["ample", CONTENT], lambda folder: make_ample_sweep(folder / "storage")) / "storage"
    return SweepStore(open_storage(folder), next(folder.glob("sweeps/*")).name)
