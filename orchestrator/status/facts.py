"""How far a sweep is, read from its storage alone: correct while it runs elsewhere."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.results import headline
from orchestrator.status.display import format_eta, list_running
from orchestrator.store.fault_log import FAILURE, PREEMPTION, read_faults
from orchestrator.store.heartbeat import RUNNING as BEATING
from orchestrator.store.heartbeat import Driver, Pulse
from orchestrator.store.identifiers import shorten_ids
from orchestrator.store.sweep_store import SweepStore
from orchestrator.text import format_duration, format_table
from tasks.kinds import KINDS
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import Storage
from tasks.trial.row import Row

RUNNING, STOPPED, FINISHED, FAILED = "running", "stopped", "finished", "some failed"
MOST_ERRORS, MOST_TRIALS = 5, 3
"""Errors that are shown, and trials of each."""
COUNTED = ("jobs", "jobs_done")
"""What the drivers that run now count since they began; several add up."""


def collect_facts(storage: Storage, sweep_id: str, pulse: Pulse | None = None) -> dict[str, Any]:
    """Whether the sweep runs and what runs where, counts of trials and stages, and the best trade-off so far.

    :param pulse: of a reader that has looked before; null: this is the first look.
    """
    sweep = SweepStore(storage, sweep_id)
    plan, rows, gone_wrong = sweep.plan(), sweep.rows(), read_faults(sweep)
    planned = {trial["trial_id"] for trial in plan["trials"]}
    current = [row for row in rows if row["trial_id"] in planned]
    finished = sum(row["status"] == "finished" for row in current)
    failed = sum(row["status"] == "failed" for row in current)
    stored = set(StageStore(storage).list_keys()) & plan["stages"].keys()
    best, drivers = headline.find_best(current), (pulse or Pulse()).drivers(sweep)
    living = [driver for driver in drivers if driver.alive]
    missing, short = len(planned) - finished - failed, shorten_ids(planned)
    return {
        "sweep_id": sweep_id,
        "space": plan["space"],
        "state": RUNNING if living else _describe_rest(failed, missing),
        "detail": _describe_drivers(drivers, living),
        "trials": len(planned),
        "finished": finished,
        "failed": failed,
        "missing": missing,
        "stages": len(plan["stages"]),
        "stages_stored": len(stored),
        "failures": sum(fault["what"] == FAILURE for fault in gone_wrong),
        "retries": sum(fault["what"] == FAILURE and fault["again"] for fault in gone_wrong),
        "preemptions": sum(fault["what"] == PREEMPTION for fault in gone_wrong),
        **headline.state_best(best),
        "errors": sorted({row["error"] for row in current if row["status"] == "failed"}),
        "failed_trials": [
            {"trial": short[row["trial_id"]], "error": row["error"]} for row in current if row["status"] == "failed"
        ],
        "best_trials": [short[trial_id] for trial_id in best.trials] if best else [],
        "silent": bool(drivers) and not living and drivers[-1].facts["state"] == BEATING,
        **_merge_drivers(drivers, living),
        "work_left_seconds": _estimate_work_left(plan["stages"], stored, current),
    }


def _describe_rest(failed: int, missing: int) -> str:
    if missing:
        return STOPPED
    return FAILED if failed else FINISHED


def _describe_drivers(drivers: Sequence[Driver], living: Sequence[Driver]) -> str:
    """Who runs it, or how the last driver ended; a sweep of an earlier release has left no sign."""
    if living:
        return ", ".join(f"{d.facts['host']} pid {d.facts['pid']}, sign of life {_format_age(d.age)}" for d in living)
    if not drivers:
        return ""
    last = drivers[-1]
    return str(last.facts["outcome"] or f"no sign of life from {last.facts['host']} for {format_duration(last.age)}")


def _format_age(seconds: float) -> str:
    return "just now" if seconds < 1 else f"{format_duration(seconds)} ago"


def _merge_drivers(drivers: Sequence[Driver], living: Sequence[Driver]) -> dict[str, Any]:
    """What runs, and what was counted: by the drivers that live, else by the last one."""
    told = [driver.facts for driver in living or drivers[-1:]]
    remaining = [driver.facts["eta_seconds"] for driver in living if driver.facts["eta_seconds"] is not None]
    return {
        **{name: sum(facts[name] for facts in told) for name in COUNTED},
        "reused": max((facts["reused"] for facts in told), default=0),
        "running": [
            {**entry, "seconds": entry["seconds"] + driver.age}
            for driver in living
            for entry in driver.facts["running"]
        ],
        "eta_seconds": max(remaining) if remaining else None,
        "eta_is_least": any(driver.facts.get("eta_is_least") for driver in living),
    }


def _estimate_work_left(stages: Mapping[str, Any], stored: set[str], rows: Sequence[Row]) -> float | None:
    """Seconds that the missing stages take one after another, by the recorded times of their kinds.

    Null where a kind was never timed. Attacks that will share a run are counted one by one.
    """
    wanted = Counter(identity["kind"] for key, identity in stages.items() if key not in stored)
    typical = {
        kind: statistics.median(times)
        for kind in KINDS
        if (times := [row[f"{kind}_seconds"] for row in rows if row[f"{kind}_seconds"] is not None])
    }
    if not wanted.keys() <= typical.keys():
        return None
    return float(sum(count * typical[kind] for kind, count in wanted.items()))


def format_status(facts: Sequence[dict[str, Any]]) -> list[str]:
    """A line per sweep, what runs where, and what went wrong."""
    if not facts:
        return []
    columns = ["sweep", "state", "trials", "finished", "failed", "missing", "stages", "stored"]
    names = ["sweep_id", "state", "trials", "finished", "failed", "missing", "stages", "stages_stored"]
    lines = [format_table([*columns, "best trade-off so far"],
                        [[*(str(fact[name]) for name in names), fact["best"] or "-"] for fact in facts])]  # fmt: skip
    for fact in facts:
        lines += format_sweep_details(fact)
    return lines


def format_sweep_details(fact: Mapping[str, Any]) -> list[str]:
    """What a line of the table has no room for."""
    lines = []
    if fact["state"] in (RUNNING, STOPPED):
        parts = [f"{fact['state']} ({fact['detail']})" if fact["detail"] else fact["state"], *_list_troubles(fact)]
        lines.append(f"{fact['sweep_id']}: {', '.join(parts)}")
        cells = list_running(fact)
        if cells:
            table = format_table(["stage", "model and settings", "epoch", "key", "where", "for"], cells)
            lines += [f"  {line}" for line in table.splitlines()]
    if fact["best_trials"]:
        doubt = f"; {fact['best_doubt']}" if fact["best_doubt"] else ""
        lines.append(f"  {fact['sweep_id']}: best in trial {' '.join(fact['best_trials'])}{doubt}")
    return [*lines, *(f"  {fact['sweep_id']}: {line}" for line in _list_failures(fact))]


def _list_failures(fact: Mapping[str, Any]) -> list[str]:
    """A line for each error: the trials that it ended, by ids as other commands take them."""
    lines = []
    for error in fact["errors"][:MOST_ERRORS]:
        trials = sorted(entry["trial"] for entry in fact["failed_trials"] if entry["error"] == error)
        more = f" and {len(trials) - MOST_TRIALS} more" if len(trials) > MOST_TRIALS else ""
        lines.append(f"trial {' '.join(trials[:MOST_TRIALS])}{more}: {error}")
    return lines


def _list_troubles(fact: Mapping[str, Any]) -> list[str]:
    parts = [f"{name} {fact[name]}" for name in ("reused", "failures", "retries", "preemptions")]
    if eta := format_eta(fact):
        parts.append(eta)
    elif fact["work_left_seconds"]:
        parts.append(f"{format_duration(fact['work_left_seconds'])} of work left by recorded times")
    return parts
