"""A finished sweep without Ray: stages run here one after another, and the storage is as a launch leaves it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from pyarrow import fs

from orchestrator.plan.plan import Plan, make_plan, plan_text
from orchestrator.results.verdicts import annotate_rows
from orchestrator.space.space import format_resolved, load
from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tasks.stages.context import Context
from tasks.stages.run import Record, run_chain
from tasks.storage.object_store import ObjectStore
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import Storage, open_storage
from tasks.temporary import remove_temporary_folder
from tasks.trial.chain import Stage
from tasks.trial.row import make_finished_row
from tests.conftest import SMALL_SPACE
from tests.support.made_once import make_once


def finish(space_file: Path, folder: Path, overrides: tuple[str, ...] = ()) -> tuple[Plan, SweepStore]:
    """Run every trial of a space into a storage folder.

    The space that many tests share is run once, and so is a stage that several spaces share: the others get a copy.
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
        make_finished_row(planned.trial, planned.chain, _run_once(planned.chain, context))
        | {"sweep_id": plan.sweep_id, "space": space.name}
        for planned in plan.trials
    ]
    storage.write(sweep.path(paths.SPACE), format_resolved(space).encode())
    storage.write(sweep.path(paths.PLAN), plan_text(plan))
    sweep.write_rows(annotate_rows(rows))
    return plan, sweep


def _run_once(chain: Sequence[Stage], context: Context) -> dict[str, Record]:
    """The records of a chain, each stage as if this sweep had computed it; sweeps share most of theirs."""
    for place, stage in enumerate(chain):
        if context.store.has(stage.key):
            continue
        made = StageStore(open_storage(_compute_stage(chain[: place + 1])))
        draft = context.store.make_draft()
        for name in (record := made.read_record(stage.key))["files"]:
            (draft / name).write_bytes(made.read_file(record, name))
        context.store.publish(stage.key, draft, record | {"sweep_id": context.sweep_id})
        remove_temporary_folder(draft)
    return run_chain(chain, context)


def _compute_stage(chain: Sequence[Stage]) -> Path:
    """A storage with the last stage of a chain, and what it builds on."""

    def run(folder: Path) -> None:
        for stage in chain[:-1]:
            above = _compute_stage(chain[: chain.index(stage) + 1])
            shutil.copytree(above / "stages" / stage.key, folder / "stages" / stage.key, copy_function=shutil.copyfile)
        run_chain(chain, Context(StageStore(open_storage(folder)), None, "cpu"))

    return make_once(["stage", chain[-1].key], run)


def remote_storage(folder: Path) -> Storage:
    """A folder that this machine reaches as it reaches an object store."""
    return Storage("mem://", ObjectStore(fs.SubTreeFileSystem(str(folder), fs.LocalFileSystem()), ""), 1.0)
