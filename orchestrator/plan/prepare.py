"""What a storage has of a plan, checked, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from orchestrator.plan.estimates import Speeds
from orchestrator.plan.plan import Job, Plan, plan_text
from orchestrator.plan.schedule import Schedule, estimate_job_seconds, list_schedule, measure_remaining_paths
from orchestrator.results.image_reader import ImageReader
from orchestrator.results.verdicts import annotate_rows
from orchestrator.space.resources import ResourceTable
from orchestrator.space.space import format_resolved
from orchestrator.space.timeouts import Timeouts
from orchestrator.store.stage_records import CheckedRecords, check_records
from orchestrator.store.sweep_store import SweepStore
from orchestrator.text import say
from tasks import paths
from tasks.errors import UnreadableError
from tasks.storage.documents import note_passed_over
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import Storage
from tasks.trial.row import Row


@dataclass(frozen=True)
class PreparedSweep:
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

    @property
    def complete(self) -> bool:
        """Whether every trial is finished, so that nothing has to run."""
        return len(self.finished) == len(self.plan.trials)

    def write_plan(self) -> None:
        """Leave the resolved space and the plan in the storage, for every command that reads the sweep later."""
        self.storage.write(self.sweep.path(paths.SPACE), format_resolved(self.plan.space).encode())
        self.storage.write(self.sweep.path(paths.PLAN), plan_text(self.plan))

    def write_missing_verdicts(self) -> None:
        """Judge the rows of a complete sweep whose driver ended before it had done so."""
        rows = list(self.finished.values())
        if any(row["verdict"] is None for row in rows):
            self.sweep.write_rows(annotate_rows(rows, ImageReader(StageStore(self.storage))))

    def schedule(self, slots: int) -> Schedule:
        """The ideal schedule of what is missing."""
        return list_schedule(self.jobs, self.seconds, slots)

    @property
    def seconds(self) -> dict[str, float]:
        """Expected seconds of each job."""
        return estimate_job_seconds(self.plan, self.jobs, self.speeds)

    @property
    def priorities(self) -> dict[str, float]:
        """Longest remaining path of each job."""
        return measure_remaining_paths(self.jobs, self.seconds)


def prepare_sweep(plan: Plan, storage: Storage, console: Console, *, fresh: bool = False) -> PreparedSweep:
    """Look at what the storage has, check it, and list what is missing.

    :param fresh: count nothing as finished.
    :raises UnreadableError: a stage that has to run is there and may not be read: it could never be published.
    """
    store = StageStore(storage)
    sweep = SweepStore(storage, plan.sweep_id)
    known = set(store.list_keys())
    checked = check_records(store, [key for key in plan.stages if key in known])
    for note in checked.set_aside:
        say(console, note)
    records = checked.whole
    _check_readable(plan, checked, fresh)
    speeds = Speeds.measured(plan, records)
    timeouts = plan.space.timeouts
    if fresh:
        return PreparedSweep(plan, storage, sweep, plan.space.resources, {}, {}, speeds, plan.jobs(()), timeouts)
    keys = {planned.trial_id: planned.chain[-1].key for planned in plan.trials}
    finished = {
        row["trial_id"]: row
        for row in sweep.rows()
        if row["status"] == "finished" and row["attack_key"] == keys.get(row["trial_id"]) in records
    }
    jobs = plan.jobs(records)
    return PreparedSweep(plan, storage, sweep, plan.space.resources, records, finished, speeds, jobs, timeouts)


def _check_readable(plan: Plan, checked: CheckedRecords, fresh: bool) -> None:
    """:raises UnreadableError: a stage that has to run is there and may not be read."""
    needed = plan.stages if fresh else [stage.key for stage in plan.needed(checked.whole)]
    barred = [key for key in needed if key in checked.unreadable]
    for key, error in checked.unreadable.items():
        if key not in barred:
            note_passed_over(error)
    if barred:
        raise UnreadableError(
            f"{checked.unreadable[barred[0]]}; so it is with {len(barred)} stages that this sweep needs: whoever owns "
            "them can let others read them (chmod -R a+rX), or --storage names another folder"
        )
