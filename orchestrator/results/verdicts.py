"""Can these robustness numbers be believed? Checks from the literature over the rows of a finished grid.

Every check compares trials that attack the same model on the same images. A verdict is `ok`, `suspicious`, or
`not tested` where the grid lacks the cells that it takes; `launch --verify` adds them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tasks.attacks.registry import AIMED, GRADIENT, GRADIENT_FREE, ITERATIVE, LARGE, NOISE, SINGLE
from tasks.kinds import MODEL_KEYS
from tasks.trial.row import Row

OK, SUSPICIOUS, NOT_TESTED = "ok", "suspicious", "not tested"
SLACK = 0.01
"""Robust accuracy that a stronger attack may miss before a check speaks up."""
CHANCE_SLACK = 0.05
ZERO_SHARE = 0.1
"""Share of images without a gradient that is taken as masking."""

ATHALYE = "Athalye et al. 2018, arXiv 1802.00420"
CARLINI = "Carlini et al. 2019, arXiv 1902.06705"
CROCE = "Croce and Hein 2020, arXiv 2003.01690"
PAPERNOT = "Papernot et al. 2017, arXiv 1602.02697"


@dataclass(frozen=True)
class Verdict:
    """One check of one model under attack."""

    check: str
    verdict: str
    figures: str
    """The numbers that it stands on."""
    paper: str
    trials: tuple[str, ...]
    """Ids of the trials whose numbers it questions or supports."""


Group = Sequence[Row]
Check = Callable[[Group], Iterator[Verdict]]


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


def _rank_severity(verdict: str) -> int:
    return (NOT_TESTED, OK, SUSPICIOUS).index(verdict)


def _identify_task(row: Row) -> tuple[object, ...]:
    """The model under attack, and the images."""
    models = (row[name] for name in MODEL_KEYS)
    return (next(filter(None, models), None), row["examples"], row["only_correct"], row["attack_eps_space"])


def _list_ids(*rows: Row) -> tuple[str, ...]:
    return tuple(row["trial_id"] for row in rows)


def _describe_row(row: Row) -> str:
    return f"{row['attack']} eps {row['attack_eps']:.4g} steps {row['attack_steps']}: {row['robust_accuracy']:.4f}"


def _compare_strength(check: str, paper: str, strong: Row, weak: Row) -> Verdict:
    holds = strong["robust_accuracy"] <= weak["robust_accuracy"] + SLACK
    return Verdict(
        check,
        OK if holds else SUSPICIOUS,
        f"{_describe_row(strong)}; {_describe_row(weak)}",
        paper,
        _list_ids(strong, weak),
    )


def _report_not_tested(check: str, paper: str, group: Group, needs: str) -> Verdict:
    return Verdict(check, NOT_TESTED, f"needs {needs}", paper, _list_ids(*group))


def _select_white_box(group: Group, names: Sequence[str]) -> list[Row]:
    """Untargeted: an image that misses its target may be fooled all the same, and a target asks for more."""
    rows = [row for row in group if row["attack"] in names and row["attack_eps"]]
    return [row for row in rows if not row["attack_surrogate"] and not row["attack_targeted"]]


def _get_budget(row: Row) -> tuple[str, float]:
    return (row["attack_norm"], row["attack_eps"])


def _find_strongest(rows: Sequence[Row]) -> dict[tuple[str, float], Row]:
    """The lowest robust accuracy at each budget."""
    best: dict[tuple[str, float], Row] = {}
    for row in rows:
        kept = best.get(_get_budget(row))
        if kept is None or row["robust_accuracy"] < kept["robust_accuracy"]:
            best[_get_budget(row)] = row
    return best


def _compare_with_strongest(
    check: str, paper: str, group: Group, weak: Sequence[Row], needs: str, names: Sequence[str] = ITERATIVE
) -> Iterator[Verdict]:
    """The strongest white-box attack of these names at each budget against what should not be stronger."""
    strong = _find_strongest(_select_white_box(group, names))
    pairs = [(strong[_get_budget(row)], row) for row in weak if _get_budget(row) in strong]
    if not pairs:
        yield _report_not_tested(check, paper, group, needs)
    for best, row in pairs:
        yield _compare_strength(check, paper, best, row)


def check_iterative_beats_single_step(group: Group) -> Iterator[Verdict]:
    """Many steps find at least what one step finds."""
    needs = "FGSM and an iterative attack at the same budget"
    yield from _compare_with_strongest(
        "iterative >= single step", ATHALYE, group, _select_white_box(group, SINGLE), needs
    )


def check_transfer_is_not_stronger(group: Group) -> Iterator[Verdict]:
    """Knowing the model helps."""
    weak = [row for row in group if row["attack_surrogate"]]
    needs = "a transfer attack and a white-box attack at the same budget"
    yield from _compare_with_strongest("white-box >= transfer", PAPERNOT, group, weak, needs, AIMED)


def check_noise_is_not_stronger(group: Group) -> Iterator[Verdict]:
    """Following the gradient beats guessing."""
    weak = [row for row in group if row["attack"] in NOISE]
    yield from _compare_with_strongest("white-box >= noise", CARLINI, group, weak, "uniform noise at the same budget")


def check_gradient_free_is_not_stronger(group: Group) -> Iterator[Verdict]:
    """Where an attack without gradients does better, the gradients are masked."""
    weak = [row for row in group if row["attack"] in GRADIENT_FREE]
    yield from _compare_with_strongest(
        "gradient >= gradient-free", ATHALYE, group, weak, "Square or RayS at the same budget"
    )


def check_budget_helps(group: Group) -> Iterator[Verdict]:
    """A larger ball holds everything that a smaller one holds."""
    check, curves = "more budget >= less", defaultdict(list)
    for row in _select_white_box(group, GRADIENT):
        curves[row["attack"], row["attack_norm"], row["attack_steps"]].append(row)
    pairs = [
        pair
        for curve in curves.values()
        for ordered in [sorted(curve, key=lambda row: float(row["attack_eps"]))]
        for pair in zip(ordered[1:], ordered, strict=False)
        if not (pair[0]["attack"] in SINGLE and pair[0]["attack_eps"] > 0.1)  # one large step may overshoot
    ]
    if not pairs:
        yield _report_not_tested(check, CARLINI, group, "two budgets of one attack")
    for large, small in pairs:
        yield _compare_strength(check, CARLINI, large, small)


def check_large_budget_reaches_chance(group: Group) -> Iterator[Verdict]:
    """With a budget that can erase the image, accuracy falls to chance or below."""
    check = "chance at a large budget"
    found = [
        row for row in _select_white_box(group, ITERATIVE) if row["attack_eps"] >= LARGE.get(row["attack_norm"], 1e9)
    ]
    if not found:
        yield _report_not_tested(check, ATHALYE, group, "an iterative attack at eps 0.5 in Linf")
    for row in found:
        chance = 1 / (row["classes"] or 10)
        fine = row["robust_accuracy"] <= chance + CHANCE_SLACK
        yield Verdict(
            check, OK if fine else SUSPICIOUS, f"{_describe_row(row)}; chance {chance:.3f}", ATHALYE, _list_ids(row)
        )


def check_doubling_steps_changes_nothing(group: Group) -> Iterator[Verdict]:
    """An attack that still gains from more steps has not converged: its number is an upper bound."""
    check, by_steps = "converged in steps", defaultdict(dict)  # type: ignore[var-annotated]
    for row in _select_white_box(group, ITERATIVE):
        by_steps[row["attack"], _get_budget(row)][row["attack_steps"]] = row
    pairs = []
    for runs in by_steps.values():
        most = max(runs)
        half = [steps for steps in runs if 2 * steps <= most]
        if half:
            pairs.append((runs[max(half)], runs[most]))
    if not pairs:
        yield _report_not_tested(check, CARLINI, group, "one attack with twice the steps")
    for fewer, more in pairs:
        fine = fewer["robust_accuracy"] - more["robust_accuracy"] <= SLACK
        verdict = OK if fine else SUSPICIOUS
        yield Verdict(check, verdict, f"{_describe_row(fewer)}; {_describe_row(more)}", CARLINI, _list_ids(fewer, more))


def check_gradients_are_present(group: Group) -> Iterator[Verdict]:
    """Gradients that are zero, missing or not finite lead an attack nowhere."""
    row = group[0]
    looked, zero = row["gradient_images"], row["zero_gradients"]
    if not looked:
        yield _report_not_tested("gradients present", ATHALYE, group, "a stage of this version")
        return
    verdict = OK if zero <= ZERO_SHARE * looked else SUSPICIOUS
    yield Verdict("gradients present", verdict, f"{zero} of {looked} gradients are zero", ATHALYE, _list_ids(*group))


def check_answers_repeat(group: Group) -> Iterator[Verdict]:
    """A model that answers at random takes attacks that average over its answers."""
    value = group[0]["deterministic"]
    if value is None:
        yield _report_not_tested("deterministic", CROCE, group, "a stage of this version")
        return
    figures = "two passes agree" if value else "two passes over the same images differ"
    yield Verdict("deterministic", OK if value else SUSPICIOUS, figures, CROCE, _list_ids(*group))


CHECKS: tuple[Check, ...] = (
    check_iterative_beats_single_step,
    check_budget_helps,
    check_large_budget_reaches_chance,
    check_transfer_is_not_stronger,
    check_noise_is_not_stronger,
    check_gradient_free_is_not_stronger,
    check_gradients_are_present,
    check_doubling_steps_changes_nothing,
    check_answers_repeat,
)


def summarize_verdicts(found: Sequence[Verdict]) -> list[list[str]]:
    """A line per check: how many cells it speaks of, and the worst figures."""
    by_check: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in found:
        by_check[verdict.check].append(verdict)
    lines = []
    for check, entries in by_check.items():
        worst = max(entries, key=lambda entry: _rank_severity(entry.verdict))
        counts = [sum(entry.verdict == kind for entry in entries) for kind in (OK, SUSPICIOUS, NOT_TESTED)]
        lines.append([check, worst.verdict, *map(str, counts), worst.figures, worst.paper])
    return lines


COLUMNS = ("check", "verdict", OK, SUSPICIOUS, NOT_TESTED, "figures", "paper")
