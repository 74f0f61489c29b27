"""How far a sweep is, read from its storage alone: correct while it runs elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator import tradeoff
from orchestrator.faults import FAILURE, PREEMPTION, fault_counts
from orchestrator.sweep_store import SweepStore
from orchestrator.tables import text_table
from tasks.storage import Storage
from tasks.store import StageStore


def status_facts(storage: Storage, sweep_id: str) -> dict[str, Any]:
    """Counts of trials and stages, and the best trade-off so far."""
    sweep = SweepStore(storage, sweep_id)
    plan, rows, counted = sweep.plan(), sweep.rows(), fault_counts(sweep)
    planned = {trial["trial_id"] for trial in plan["trials"]}
    current = [row for row in rows if row["trial_id"] in planned]
    finished = sum(row["status"] == "finished" for row in current)
    failed = sum(row["status"] == "failed" for row in current)
    best = tradeoff.best(current)
    return {
        "sweep_id": sweep_id,
        "space": plan["space"],
        "trials": len(planned),
        "finished": finished,
        "failed": failed,
        "missing": len(planned) - finished - failed,
        "stages": len(plan["stages"]),
        "stages_stored": len(set(StageStore(storage).keys()) & plan["stages"].keys()),
        "failures": counted[FAILURE],
        "preemptions": counted[PREEMPTION],
        "best": tradeoff.described(best) if best else None,
        "errors": sorted({row["error"] for row in current if row["status"] == "failed"}),
    }


def status_lines(facts: Sequence[dict[str, Any]]) -> list[str]:
    """A line per sweep, and what went wrong."""
    if not facts:
        return []
    columns = ["sweep", "trials", "finished", "failed", "missing", "stages", "stored", "failures", "preemptions",
               "best trade-off so far"]  # fmt: skip
    names = ["sweep_id", "trials", "finished", "failed", "missing", "stages", "stages_stored", "failures",
             "preemptions", "best"]  # fmt: skip
    lines = [text_table(columns, [[str(fact[name] or 0) if name != "best" else fact[name] or "-" for name in names]
                                  for fact in facts])]  # fmt: skip
    return [*lines, *(f"  {fact['sweep_id']}: {error}" for fact in facts for error in fact["errors"][:5])]
