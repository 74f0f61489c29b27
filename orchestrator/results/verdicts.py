"""Can these robustness numbers be believed? The verdicts of all checks over the rows of a finished grid.

Every check compares trials that attack the same model on the same images. A verdict is `ok`, `suspicious`, or
`not tested` where the grid lacks the cells that it takes; `launch --verify` adds them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence

from orchestrator.results.checks.model import (
    check_answers_repeat,
    check_gradients_are_present,
    check_training_did_not_collapse,
)
from orchestrator.results.checks.strength import (
    check_attacks_are_registered,
    check_budget_helps,
    check_doubling_steps_changes_nothing,
    check_gradient_free_is_not_stronger,
    check_iterative_beats_single_step,
    check_large_budget_reaches_chance,
    check_noise_is_not_stronger,
    check_transfer_is_not_stronger,
)
from orchestrator.results.checks.verdict import NOT_TESTED, OK, SUSPICIOUS, Check, Verdict
from tasks.kinds import MODEL_KEYS
from tasks.trial.row import Row

CHECKS: tuple[Check, ...] = (
    check_attacks_are_registered,
    check_iterative_beats_single_step,
    check_budget_helps,
    check_large_budget_reaches_chance,
    check_transfer_is_not_stronger,
    check_noise_is_not_stronger,
    check_gradient_free_is_not_stronger,
    check_gradients_are_present,
    check_doubling_steps_changes_nothing,
    check_answers_repeat,
    check_training_did_not_collapse,
)

COLUMNS = ("check", "verdict", OK, SUSPICIOUS, NOT_TESTED, "figures", "paper")
"""Of a line of `summarize_verdicts`."""


def check_rows(rows: Sequence[Row]) -> list[Verdict]:
    """Every check on every model of the finished rows."""
    groups: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if row["status"] == "finished":
            groups[_identify_task(row)].append(row)
    return [verdict for group in groups.values() for check in CHECKS for verdict in check(group)]


def annotate_rows(rows: Sequence[Row]) -> list[Row]:
    """The rows with their columns `verdict` (the worst of all) and `verdicts` (all, as JSON)."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for verdict in check_rows(rows):
        for trial_id in verdict.trials:
            before = found[trial_id].get(verdict.check, NOT_TESTED)
            found[trial_id][verdict.check] = max(before, verdict.verdict, key=_rank_severity)
    return [
        {**row, "verdict": max(seen.values(), key=_rank_severity), "verdicts": json.dumps(seen, sort_keys=True)}
        if (seen := found.get(row["trial_id"]))
        else row
        for row in rows
    ]


def summarize_verdicts(found: Sequence[Verdict]) -> list[list[str]]:
    """A line per check, by `COLUMNS`: how many cells it speaks of, and the worst figures."""
    by_check: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in found:
        by_check[verdict.check].append(verdict)
    lines = []
    for check, entries in by_check.items():
        worst = max(entries, key=lambda entry: _rank_severity(entry.verdict))
        counts = [sum(entry.verdict == kind for entry in entries) for kind in (OK, SUSPICIOUS, NOT_TESTED)]
        lines.append([check, worst.verdict, *map(str, counts), worst.figures, worst.paper])
    return lines


def _rank_severity(verdict: str) -> int:
    return (NOT_TESTED, OK, SUSPICIOUS).index(verdict)


def _identify_task(row: Row) -> tuple[object, ...]:
    """The model under attack, and the images."""
    models = [row[name] for name in MODEL_KEYS]
    return (next(filter(None, models), None), row["examples"], row["only_correct"], row["attack_eps_space"])
