"""A finished sweep without Ray: stages run here one after another, and the storage is as a launch leaves it."""

from __future__ import annotations

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


def finish(space_file: Path, folder: Path, overrides: tuple[str, ...] = ()) -> tuple[Plan, SweepStore]:
    """Run every trial of a space into a storage folder."""
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
