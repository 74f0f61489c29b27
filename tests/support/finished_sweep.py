"""A finished sweep without Ray: stages run here one after another, and the storage is as a launch leaves it."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from pyarrow import fs

from orchestrator.plan.plan import Plan, make_plan, plan_text
from orchestrator.results.verdicts import annotate_rows
from orchestrator.space.space import format_resolved, load
from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tasks.stages.context import Context
from tasks.stages.run import run_chain
from tasks.storage.object_store import ObjectStore
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import Storage, open_storage
from tasks.trial.row import make_finished_row
from tests.conftest import SMALL_SPACE
from tests.support.made_once import make_once


def finish(space_file: Path, folder: Path, overrides: tuple[str, ...] = ()) -> tuple[Plan, SweepStore]:
    """Run every trial of a space into a storage folder.

    The space that many tests share is run once: the others get a copy.
    """
    if space_file.name != "small.yaml" or space_file.read_text() != SMALL_SPACE or (folder / "stages").exists():
        return _run_space(space_file, folder, overrides)
    shutil.copytree(_run_small_space(overrides), folder, copy_function=shutil.copyfile, dirs_exist_ok=True)
    plan = make_plan(load(str(space_file), overrides), None)
    return plan, SweepStore(open_storage(folder), plan.sweep_id)


def _run_small_space(overrides: tuple[str, ...]) -> Path:
    """A storage in which it has finished."""

    def run(folder: Path) -> None:
        (folder / "small.yaml").write_text(SMALL_SPACE)
        _run_space(folder / "small.yaml", folder / "storage", overrides)

    return make_once(["small", SMALL_SPACE, overrides], run) / "storage"


def _run_space(space_file: Path, folder: Path, overrides: tuple[str, ...]) -> tuple[Plan, SweepStore]:
    torch.set_num_threads(1)
    space = load(str(space_file), overrides)
    plan = make_plan(space, None)
    storage = open_storage(folder)
    sweep = SweepStore(storage, plan.sweep_id)
    context = Context(StageStore(storage), None, "cpu", sweep_id=plan.sweep_id)
    rows = [
        make_finished_row(planned.trial, planned.chain, run_chain(planned.chain, context))
        | {"sweep_id": plan.sweep_id, "space": space.name}
        for planned in plan.trials
    ]
    storage.write(sweep.path(paths.SPACE), format_resolved(space).encode())
    storage.write(sweep.path(paths.PLAN), plan_text(plan))
    sweep.write_rows(annotate_rows(rows))
    return plan, sweep


def remote_storage(folder: Path) -> Storage:
    """A folder that this machine reaches as it reaches an object store."""
    return Storage("mem://", ObjectStore(fs.SubTreeFileSystem(str(folder), fs.LocalFileSystem()), ""), 1.0)
