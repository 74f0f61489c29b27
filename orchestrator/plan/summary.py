"""What a plan looks like to a user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.cluster.capacity import count_usable_cpus
from orchestrator.cluster.placement import NO_GPU, Placement
from orchestrator.plan.estimates import Speeds
from orchestrator.plan.plan import Plan, list_kinds
from orchestrator.plan.prepare import PreparedSweep
from orchestrator.plan.schedule import estimate_job_seconds, list_schedule
from orchestrator.store.stage_records import load_whole_records
from orchestrator.text import format_count, format_duration, format_table
from tasks.kinds import KINDS
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import Storage


def collect_plan_facts(
    plan: Plan, storage: Storage, slots: int | None = None, placement: Placement | None = None
) -> dict[str, Any]:
    """The figures of a plan: trials, distinct stages, what is stored, what sharing saves, how long it may take.

    :param placement: what each kind of stage holds on this machine; null: it will run elsewhere.
    """
    store = StageStore(storage)
    known = set(store.list_keys())
    records = load_whole_records(store, [key for key in plan.stages if key in known])
    jobs = plan.jobs(records)
    unshared, distinct = plan.unshared(), plan.count()
    runs: dict[str, int] = dict.fromkeys(KINDS, 0)
    for job in jobs:
        runs[job.kind] += 1
    speeds = Speeds.measured(plan, records)
    slots = slots or count_usable_cpus()
    untimed = sum(any(speeds.forecast(s, plan.data[s.dataset]) is None for s in job.stages) for job in jobs)
    facts: dict[str, Any] = {
        "sweep_id": plan.sweep_id,
        "trials": len(plan.trials),
        "left_out": plan.space.left_out,
        "missing_data": list(plan.missing_data.values()),
        "stages": {
            kind: {
                "in_trials": unshared[kind],
                "distinct": distinct[kind],
                "in_store": plan.count(records)[kind],
                "runs": runs[kind],
            }
            for kind in KINDS
        },
        "shared": 1 - sum(distinct.values()) / max(1, sum(unshared.values())),
        "slots": slots,
        "untimed_jobs": untimed,
        "gpus": None if placement is None else {kind: placement.resources.of(kind).gpus for kind in list_kinds(plan)},
        "devices": None if placement is None else placement.words or NO_GPU,
        "seconds": None,
        "critical_path_seconds": None,
        "unshared_seconds": None,
    }
    if speeds.known and not untimed:
        schedule = list_schedule(jobs, estimate_job_seconds(plan, jobs, speeds), slots)
        alone = sum(
            speeds.seconds(stage, plan.data[stage.dataset]) for planned in plan.trials for stage in planned.chain
        )
        facts |= {"seconds": schedule.seconds, "critical_path_seconds": schedule.critical_path}
        facts |= {"unshared_seconds": alone / slots}
    return facts


def format_plan(facts: Mapping[str, Any]) -> list[str]:
    """The figures of a plan as text."""
    columns = ["stage", "in trials", "distinct", "in store", "jobs to do"]
    kinds = {kind: dict(counts) for kind, counts in facts["stages"].items() if counts["in_trials"]}
    if facts["missing_data"]:
        kinds = {kind: {**counts, "in_store": "-"} for kind, counts in kinds.items()}
    rows = [[kind, *map(str, counts.values())] for kind, counts in kinds.items()]
    lines = [
        f"{facts['sweep_id']}: {_count_trials(facts['trials'], facts['left_out'])}",
        format_table(columns, rows),
        f"sharing saves {100 * facts['shared']:.1f} % of all stages",
    ]
    if facts["devices"]:
        lines.append(facts["devices"])
    for message in facts["missing_data"]:
        lines.append(f"planned without its data, so what is stored is not known: {message}")
    if facts["seconds"] is None:
        untimed, jobs = facts["untimed_jobs"], sum(counts["runs"] for counts in facts["stages"].values())
        lines.append(f"no time estimate: {untimed} of {format_count(jobs, 'job')}: nothing like it was ever timed here")
    else:
        lines.append(
            f"estimated time on {format_count(facts['slots'], 'slot')}: {format_duration(facts['seconds'])} "
            f"(critical path {format_duration(facts['critical_path_seconds'])}; "
            f"every trial on its own: {format_duration(facts['unshared_seconds'])})"
        )
    return lines


def _count_trials(trials: int, left_out: int) -> str:
    """:param left_out: points of the grid that are no trials."""
    counted = format_count(trials, "trial")
    if not left_out:
        return counted
    return f"{counted} ({left_out} more left out: their certificate does not fit their `inference`)"


def describe_work(prepared: PreparedSweep) -> str:
    """What a launch says before it starts: trials, jobs and stages, what is finished and what is reused."""
    total, finished = len(prepared.plan.trials), len(prepared.finished)
    counted = _count_trials(total, prepared.plan.space.left_out)
    line = f"{prepared.plan.sweep_id}: {counted}, {finished} finished"
    if prepared.complete:
        return f"{line}, nothing to do"
    stages, reused = sum(len(job.stages) for job in prepared.jobs), len(prepared.records)
    work = f"{format_count(stages, 'stage')} in {format_count(len(prepared.jobs), 'job')}"
    return f"{line}, {total - finished} to do: {work}, {format_count(reused, 'stage')} reused"
