"""What the checks say of the worst case over the attacks of one budget, which is no attack's own number."""

from __future__ import annotations

import json
from collections.abc import Sequence

from orchestrator.results.budgets import select_counted
from orchestrator.results.checks.strength import is_adaptive
from orchestrator.results.checks.upper_bound import LOWEST, identify_curve
from orchestrator.results.checks.verdict import OK, find_worst, rank_severity
from tasks.attacks.registry import find_attack
from tasks.trial.row import Row


def rank_strength(row: Row) -> tuple[float, int, str, str]:
    """Sorts attacks on one model: that which leaves least first; of equals the one of most steps, then by name."""
    return row["robust_accuracy"], -(row["attack_steps"] or 0), row["attack"], row["trial_id"]


def list_decisive_attacks(rows: Sequence[Row]) -> list[Row]:
    """The attacks that a worst case rests on: those that leave least, and of those that follow the model's own gradient
    the ones that leave least, which more steps or another loss would make stronger.

    One that does not know of the transformations before the model is left out beside one that does.

    :param rows: of one model and budget.
    """
    counted = select_counted(rows)
    knowing = sorted([row for row in counted if is_adaptive(row)] or counted, key=rank_strength)
    along = [row for row in knowing if not row["attack_surrogate"] and _follows_gradient(row)]
    found = [*_select_lowest(knowing), *_select_lowest(along)]
    return list({row["trial_id"]: row for row in found}.values())


def judge_alone(row: Row) -> str | None:
    """The verdict of an attack, but for what speaks against its own number and not against the worst case; null before
    the checks have run."""
    if row["verdict"] is None or not row["verdicts"]:
        return None if row["verdict"] is None else str(row["verdict"])
    said = {check: verdict for check, verdict in json.loads(row["verdicts"]).items() if check != LOWEST}
    return find_worst(list(said.values())) if said else OK


def judge_worst_case(rows: Sequence[Row]) -> tuple[str | None, str | None]:
    """Verdict and reason of the worst case: the worst of the attacks that it rests on; null before the checks have run.

    :param rows: of one model and budget.
    """
    found = [(verdict, row) for row in list_decisive_attacks(rows) if (verdict := judge_alone(row)) is not None]
    if not found:
        return None, None
    worst, row = max(found, key=lambda entry: rank_severity(entry[0]))
    return worst, row["verdict_reason"] if row["verdict"] == worst else None


def _select_lowest(rows: Sequence[Row]) -> list[Row]:
    """Of those that leave least the longest of each curve: that it found no more settles what a shorter one asks."""
    least = min((row["robust_accuracy"] for row in rows), default=0.0)
    found: dict[str, Row] = {}
    for row in rows:  # the longest first
        if row["robust_accuracy"] == least:
            found.setdefault(identify_curve(row), row)
    return list(found.values())


def _follows_gradient(row: Row) -> bool:
    attack = find_attack(row["attack"])
    return attack is not None and attack.access == "gradient"
