"""`advsweep launch`: plan, say what will be done, do what is missing, show what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from orchestrator.address import parse_address
from orchestrator.describe import plan_lines
from orchestrator.estimates import Schedule, Speeds, job_seconds, list_schedule, remaining_path
from orchestrator.plan import Job, Plan, make_plan, plan_text
from orchestrator.resources import ResourceTable
from orchestrator.spaces import load, resolved_text
from orchestrator.sweep_store import SweepStore, checked_records
from orchestrator.timeouts import Timeouts, with_options
from orchestrator.tracking.folder import check_project
from orchestrator.tradeoff import tradeoff_table
from tasks import paths
from tasks.row import Row
from tasks.storage import Storage, establish, open_storage
from tasks.store import StageStore

FINISHED, SOME_FAILED, INTERRUPTED = 0, 1, 130
"""Exit codes; 2 is wrong usage."""

MOST_LINES = 150
"""Configurations shown at the end of a sweep; `advsweep results` shows all."""


@dataclass(frozen=True)
class Launch:
    """The options of one launch."""

    space: str
    overrides: Sequence[str] = ()
    storage: str = "results"
    data_dir: Path | None = None
    address: str = "local"
    cpus_per_trial: float | None = None
    gpus_per_trial: float | None = None
    max_concurrent: int | None = None
    max_failures: int = 1
    """How often a stage is tried again after an error of its own."""
    max_preemptions: int = 10
    """How often a stage is tried again after its worker was lost."""
    timeouts: Sequence[str] = ()
    """`KIND=SECONDS`, beside those of the space."""
    wandb: str = "offline"
    project: str = "advsweep"
    dry_run: bool = False
    fresh: bool = False
    verify: bool = False
    """Add the cells that make more checks of the numbers possible."""
    cpus: int | None = None
    """CPUs of a private Ray; null: those that this process may use."""


@dataclass(frozen=True)
class Prepared:
    """A sweep that is about to run: what there is, and what is missing."""

    plan: Plan
    storage: Storage
    sweep: SweepStore
    resources: ResourceTable
    records: Mapping[str, Mapping[str, Any]]
    """Finished stages of the plan by key, every file checked."""
    finished: Mapping[str, Row]
    """Finished trials by id."""
    speeds: Speeds
    jobs: Sequence[Job]
    timeouts: Timeouts = field(default_factory=dict)

    def schedule(self, slots: int) -> Schedule:
        """The ideal schedule of what is missing."""
        return list_schedule(self.jobs, self.seconds, slots)

    @property
    def seconds(self) -> dict[str, float]:
        """Expected seconds of each job."""
        return job_seconds(self.plan, self.jobs, self.speeds)

    @property
    def priorities(self) -> dict[str, float]:
        """Longest remaining path of each job."""
        return remaining_path(self.jobs, self.seconds)


def launch(options: Launch, console: Console) -> int:
    """Run a sweep; returns the exit code.

    :raises UsageError: something about the request, before anything is started or written.
    """
    check_project(options.project)
    space = load(options.space, options.overrides, verify=options.verify)
    timeouts = with_options(space.timeouts, options.timeouts)
    address = parse_address(options.address)
    if address.remote and not options.dry_run:
        from orchestrator.remote import launch_there

        return launch_there(options, address, space, console)
    plan = make_plan(space, options.data_dir)
    resources = space.resources.with_default(options.cpus_per_trial, options.gpus_per_trial)
    storage = open_storage(options.storage)
    if options.dry_run:
        console.print("\n".join(plan_lines(plan, storage)), markup=False, highlight=False)
        return FINISHED
    establish(storage)
    prepared = replace(prepare(plan, storage, resources, console, fresh=options.fresh), timeouts=timeouts)
    total, finished = len(plan.trials), len(prepared.finished)
    say(console, f"{plan.sweep_id}: {total} trials, {finished} finished, {_to_do(prepared)}")
    if finished == total and not options.fresh:
        return _nothing_to_do(prepared, options, console)
    prepared.sweep.storage.write(prepared.sweep.path(paths.SPACE), resolved_text(space).encode())
    prepared.sweep.storage.write(prepared.sweep.path(paths.PLAN), plan_text(plan))
    from orchestrator.sweep.run import run_sweep

    return run_sweep(prepared, options, console)


def prepare(
    plan: Plan, storage: Storage, resources: ResourceTable, console: Console, *, fresh: bool = False
) -> Prepared:
    """Look at what the storage has, check it, and list what is missing."""
    store = StageStore(storage)
    sweep = SweepStore(storage, plan.sweep_id)
    known = set(store.keys())
    records, notes = checked_records(store, [key for key in plan.stages if key in known])
    for note in notes:
        say(console, note)
    speeds = Speeds.measured(plan, records)
    if fresh:
        return Prepared(plan, storage, sweep, resources, {}, {}, speeds, plan.jobs(()))
    keys = {planned.trial_id: planned.chain[-1].key for planned in plan.trials}
    finished = {
        row["trial_id"]: row
        for row in sweep.rows()
        if row["status"] == "finished" and row["attack_key"] == keys.get(row["trial_id"]) in records
    }
    return Prepared(plan, storage, sweep, resources, records, finished, speeds, plan.jobs(records))


def _to_do(prepared: Prepared) -> str:
    if len(prepared.finished) == len(prepared.plan.trials):
        return "nothing to do"
    runs = sum(len(job.stages) for job in prepared.jobs)
    missing = len(prepared.plan.trials) - len(prepared.finished)
    return f"{missing} to do: {runs} stages in {len(prepared.jobs)} runs, {len(prepared.records)} stages reused"


def _nothing_to_do(prepared: Prepared, options: Launch, console: Console) -> int:
    if options.wandb != "disabled":
        from orchestrator.tracking.log import pending

        if pending(prepared.sweep, prepared.finished, options.wandb):
            from orchestrator.sweep.run import log_rows

            log_rows(prepared, options, list(prepared.finished.values()), console)
    return FINISHED


def summary(prepared: Prepared, rows: Sequence[Row], console: Console) -> None:
    """The table at the end, and where everything is."""
    say(console, tradeoff_table(rows, MOST_LINES))
    root = prepared.storage.place(prepared.sweep.path())
    say(console, f"\nresults in {root}\n  advsweep results {prepared.plan.sweep_id}")


def say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
