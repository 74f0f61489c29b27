"""The real digits grid: its wall time, and what the recorded seconds of its stages say of other ways to run it.

Running every trial on its own would take an hour, so that line is computed, not measured: each trial pays for what
it needs, an attack for its own share of the steps of the run that served it.
"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from rich.console import Console

from orchestrator.cluster.capacity import count_usable_cpus
from orchestrator.launch import launch
from orchestrator.options import LaunchOptions
from orchestrator.plan.plan import Job, make_plan
from orchestrator.plan.schedule import list_schedule
from orchestrator.space import space as spaces
from orchestrator.store.stage_records import load_records
from orchestrator.text import format_table
from tasks.evaluation.settings import AttackSettings
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import open_storage
from tasks.trial.chain import Stage

Records = Mapping[str, Mapping[str, Any]]


def table() -> str:
    """Run the grid in a storage of its own and compare."""
    slots = count_usable_cpus()
    plan = make_plan(spaces.load("digits"), None)
    with tempfile.TemporaryDirectory(prefix="digits-") as folder:
        started = time.perf_counter()
        code = launch(LaunchOptions("digits", storage=folder, wandb="disabled"), Console(file=io.StringIO()))
        wall = time.perf_counter() - started
        assert code == 0, f"the digits sweep ended with exit code {code}"
        records = load_records(StageStore(open_storage(Path(folder))), plan.stages)
    jobs = plan.jobs(())
    ideal = list_schedule(jobs, {job.id: _run_seconds(job, records) for job in jobs}, slots).seconds
    alone = sum(_alone(stage, jobs, records) for planned in plan.trials for stage in planned.chain) / slots
    rows = [
        ["list schedule of distinct stages, recorded seconds", f"{ideal:.0f}", "1.00"],
        ["advsweep launch, measured, Ray's start included", f"{wall:.0f}", f"{wall / ideal:.2f}"],
        ["every trial on its own, computed from recorded seconds", f"{alone:.0f}", f"{alone / ideal:.2f}"],
    ]
    size = f"\ndigits: {len(plan.trials)} trials, {len(plan.stages)} distinct stages, {slots} slots\n"
    return size + format_table(["how", "wall s", "over ideal"], rows)


def _run_seconds(job: Job, records: Records) -> float:
    return max(float(records[stage.key]["seconds"]) for stage in job.stages)


def _alone(stage: Stage, jobs: list[Job], records: Records) -> float:
    """Seconds of a stage if nothing shared its run."""
    seconds = float(records[stage.key]["seconds"])
    if not isinstance(stage.settings, AttackSettings):
        return seconds
    longest = max(_steps(other) for job in jobs if stage in job.stages for other in job.stages)
    return seconds * _steps(stage) / longest


def _steps(stage: Stage) -> int:
    return max(1, cast(AttackSettings, stage.settings).method.reported_steps)
