"""Can these robustness numbers be believed? The verdicts of all checks over the rows of a finished grid.

Every check compares trials that attack the same model on the same images. A verdict is `ok`; `upper bound` where a
stronger attack at hand or more steps leave less; `suspicious` where gradients lead nowhere or an attack does not
attack; or `not tested` where the grid lacks the cells that it takes: `launch --verify` adds them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence

from orchestrator.results.bounds import select_attacks, select_certificates
from orchestrator.results.budgets import Budget, WorstCase, group_budgets, is_lowered
from orchestrator.results.checks.adaptive import check_attack_is_adaptive, check_knowing_the_defence_helps
from orchestrator.results.checks.attack import (
    check_any_size_fools_all,
    check_attack_beats_probes,
    check_attack_lowers_accuracy,
    check_budget_is_reached,
    check_images_are_moved,
    check_training_budget_is_reached,
)
from orchestrator.results.checks.behaviour import (
    check_answers_are_logits,
    check_gradient_raises_the_loss,
    check_model_stays_the_same,
)
from orchestrator.results.checks.certificate import check_certificates
from orchestrator.results.checks.generated import check_generated_examples
from orchestrator.results.checks.model import (
    check_a_step_beats_noise,
    check_answers_repeat,
    check_erased_images_are_not_recognised,
    check_gradients_are_present,
    check_model_beats_guessing,
    check_model_forgets,
    check_training_did_not_collapse,
)
from orchestrator.results.checks.path import (
    check_another_loss_finds_no_more,
    check_attack_has_converged,
    check_best_iterate_counts,
    check_loss_rises,
    check_restarts_are_alive,
    check_transfer_fools_its_surrogate,
)
from orchestrator.results.checks.strength import (
    check_attacks_are_registered,
    check_budget_helps,
    check_budget_matters,
    check_gradient_free_is_not_stronger,
    check_iterative_beats_single_step,
    check_large_budget_reaches_chance,
    check_noise_is_not_stronger,
    check_transfer_is_not_stronger,
)
from orchestrator.results.checks.upper_bound import LOWEST, check_upper_bounds
from orchestrator.results.checks.verdict import GRADES, Check, Verdict, rank_severity
from orchestrator.results.image_reader import ReadRobust, read_nothing
from tasks.trial.row import Row, identify_model

CHECKS: tuple[Check, ...] = (
    check_attacks_are_registered,
    check_model_beats_guessing,
    check_gradients_are_present,
    check_answers_repeat,
    check_model_forgets,
    check_model_stays_the_same,
    check_answers_are_logits,
    check_gradient_raises_the_loss,
    check_a_step_beats_noise,
    check_erased_images_are_not_recognised,
    check_attack_lowers_accuracy,
    check_images_are_moved,
    check_any_size_fools_all,
    check_attack_beats_probes,
    check_loss_rises,
    check_another_loss_finds_no_more,
    check_best_iterate_counts,
    check_attack_has_converged,
    check_restarts_are_alive,
    check_transfer_fools_its_surrogate,
    check_iterative_beats_single_step,
    check_budget_helps,
    check_budget_matters,
    check_large_budget_reaches_chance,
    check_transfer_is_not_stronger,
    check_noise_is_not_stronger,
    check_gradient_free_is_not_stronger,
    check_attack_is_adaptive,
    check_training_did_not_collapse,
    check_training_budget_is_reached,
    check_budget_is_reached,
)

LEFT_OUT = "lowest with those left out"
"""What *lowest of its budget* says of a worst case over some of the attacks of a budget."""
COUNTED = GRADES[1:] + GRADES[:1]
COLUMNS = ("check", "verdict", *COUNTED, "reason", "paper")
"""Of a line of `summarize_verdicts`."""


def check_rows(rows: Sequence[Row], read: ReadRobust = read_nothing) -> list[Verdict]:
    """Every check on every model of the finished rows.

    :param read: what is stored of the images of a trial; without it, attacks are compared by their counts.
    """
    found = []
    groups = _group_rows(rows, "examples", "only_correct")
    held_against = _list_attacks_of_certificates(groups)
    for group in groups:
        attacks, certificates = select_attacks(group), select_certificates(group)
        found += [verdict for check in CHECKS for verdict in check(attacks)] if attacks else []
        found += check_knowing_the_defence_helps(attacks, read)
        found += check_generated_examples(attacks, read)
        for row in certificates:
            found += check_certificates([row], held_against[row["attack_key"]], read)
    for group in _group_rows(rows, "only_correct"):
        found += check_upper_bounds(group, read)  # last: of verdicts of one grade the first says why
    return found


def _list_attacks_of_certificates(groups: Sequence[Sequence[Row]]) -> dict[str, list[Row]]:
    """Key of the stage of a certificate -> the attacks on its classifier. One stage may serve several trials, behind a
    vote of many looks, of few or of none: the attacks on any of them are held against it."""
    found: dict[str, dict[str, Row]] = defaultdict(dict)
    for group in groups:
        attacks = {row["trial_id"]: row for row in select_attacks(group)}
        for row in select_certificates(group):
            found[row["attack_key"]] |= attacks
    return {key: list(attacks.values()) for key, attacks in found.items()}


def annotate_rows(
    rows: Sequence[Row], read: ReadRobust = read_nothing, known: Sequence[Verdict] | None = None
) -> list[Row]:
    """The rows with their columns `verdict` (the worst of all), `verdict_reason`, `verdicts` (all, as JSON),
    `worst_case_correct` and `worst_case_examples`.

    :param read: as for `check_rows`.
    :param known: what `check_rows` has said of them; null: it is asked.
    """
    found: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in check_rows(rows, read) if known is None else known:
        for trial_id in verdict.trials:
            found[trial_id].append(verdict)
    worst_cases = _find_worst_cases(rows, read)
    return [
        {**row, **_describe_verdicts(of_row), **_describe_worst_case(worst_cases.get(row["trial_id"]))}
        if (of_row := found.get(row["trial_id"]))
        else row
        for row in rows
    ]


def narrow_worst_cases(rows: Sequence[Row], chosen: Sequence[Row], read: ReadRobust = read_nothing) -> list[Row]:
    """Some of the rows, with `worst_case_correct` and `worst_case_examples` over the attacks that are chosen, where
    others of their budget are not: what all of them leave is no number of a few, and is below it where these find more.

    :param rows: all of a sweep.
    :param read: as for `check_rows`; without it, such worst cases are null.
    """
    names = {row["trial_id"] for row in chosen}
    anew: dict[str, bool] = {}
    for budget in _list_budgets(rows, read):
        kept = Budget([row for row in budget.rows if row["trial_id"] in names], read)
        if kept.rows and len(kept.rows) < len(budget.rows):
            lowered = is_lowered(kept, budget)
            anew |= dict.fromkeys((row["trial_id"] for row in kept.rows), lowered is not False)
    found = _find_worst_cases([row for row in chosen if row["trial_id"] in anew], read)
    return [
        {**row, **_describe_worst_case(found.get(row["trial_id"])), **_keep_doubt(row, anew[row["trial_id"]])}
        if row["trial_id"] in anew
        else row
        for row in chosen
    ]


def _keep_doubt(row: Row, lowered: bool) -> Row:
    """That others leave less speaks against a number of some attacks, where those that are left out are among them."""
    said = json.loads(row["verdicts"] or "{}")
    return {"verdicts": json.dumps({**said, LEFT_OUT: said[LOWEST]})} if lowered and LOWEST in said else {}


def _find_worst_cases(rows: Sequence[Row], read: ReadRobust) -> dict[str, WorstCase | None]:
    return {row["trial_id"]: budget.worst_case for budget in _list_budgets(rows, read) for row in budget.rows}


def _list_budgets(rows: Sequence[Row], read: ReadRobust) -> list[Budget]:
    """The budgets of each model, apart where only images that it sees rightly are attacked."""
    return [budget for group in _group_rows(rows, "only_correct") for budget in group_budgets(group, read)]


def _describe_verdicts(found: Sequence[Verdict]) -> Row:
    worst = max(found, key=lambda verdict: rank_severity(verdict.verdict))
    by_check: dict[str, str] = {}
    for verdict in found:
        before = by_check.get(verdict.check, GRADES[0])
        by_check[verdict.check] = max(before, verdict.verdict, key=rank_severity)
    reason = worst.reason if worst.cause else None
    return {
        "verdict": worst.verdict,
        "verdict_reason": reason,
        "verdicts": json.dumps(by_check, sort_keys=True),
    }


def _describe_worst_case(found: WorstCase | None) -> Row:
    correct, examples = (None, None) if found is None else found
    return {"worst_case_correct": correct, "worst_case_examples": examples}


def summarize_verdicts(found: Sequence[Verdict]) -> list[list[str]]:
    """A line per check, by `COLUMNS`: how many cells it speaks of, and the reason of the worst."""
    by_check: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in found:
        by_check[verdict.check].append(verdict)
    lines = []
    for check, entries in by_check.items():
        worst = max(entries, key=lambda entry: rank_severity(entry.verdict))
        counts = [sum(entry.verdict == kind for entry in entries) for kind in COUNTED]
        lines.append([check, worst.verdict, *map(str, counts), worst.reason, worst.paper])
    return lines


def _group_rows(rows: Sequence[Row], *columns: str) -> list[list[Row]]:
    """The finished rows by the model under attack, and by these columns."""
    groups: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if row["status"] == "finished":
            groups[identify_model(row), tuple(row[column] for column in columns)].append(row)
    return list(groups.values())
