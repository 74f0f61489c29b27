"""Attacks held against each other: what knows more, goes farther or walks longer should find at least as much.

What an attack is (whether it follows gradients, in one step or in many, within a budget) is asked of its settings
class in the registry. A row whose attack is not registered is left out of the checks that ask, and one of them says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from orchestrator.results.checks.verdict import (
    ATHALYE,
    CARLINI,
    OK,
    PAPERNOT,
    SUSPICIOUS,
    Group,
    Verdict,
    list_ids,
    report_not_tested,
)
from tasks.attacks.base import ERASING_EPS, MethodSettings
from tasks.attacks.registry import find_attack
from tasks.trial.row import Row

SLACK = 0.01
"""Robust accuracy that a stronger attack may miss before a check speaks up."""
CHANCE_SLACK = 0.05
LARGE_STEP = 0.1
"""From here on a single step of the size of the budget may go too far."""

Budget = tuple[str, float]
"""Norm and eps."""


def _describe_row(row: Row) -> str:
    return f"{row['attack']} eps {row['attack_eps']:.4g} steps {row['attack_steps']}: {row['robust_accuracy']:.4f}"


def _compare_strength(check: str, paper: str, strong: Row, weak: Row) -> Verdict:
    holds = strong["robust_accuracy"] <= weak["robust_accuracy"] + SLACK
    figures = f"{_describe_row(strong)}; {_describe_row(weak)}"
    return Verdict(check, OK if holds else SUSPICIOUS, figures, paper, list_ids(strong, weak))


def _select_rows(group: Group, fits: Callable[[type[MethodSettings]], bool]) -> list[Row]:
    """The rows with a budget whose attack is registered, and of that kind."""
    found = [(row, find_attack(row["attack"])) for row in group if row["attack_eps"]]
    return [row for row, attack in found if attack is not None and fits(attack)]


def _select_white_box(group: Group, fits: Callable[[type[MethodSettings]], bool]) -> list[Row]:
    """Untargeted: an image that misses its target may be fooled all the same, and a target asks for more."""
    return [row for row in _select_rows(group, fits) if not row["attack_surrogate"] and not row["attack_targeted"]]


def _select_iterative(group: Group) -> list[Row]:
    return _select_white_box(group, lambda attack: attack.is_iterative_white_box())


def _get_budget(row: Row) -> Budget:
    return (row["attack_norm"], row["attack_eps"])


def _find_strongest(rows: Sequence[Row]) -> dict[Budget, Row]:
    """The lowest robust accuracy at each budget."""
    best: dict[Budget, Row] = {}
    for row in rows:
        kept = best.get(_get_budget(row))
        if kept is None or row["robust_accuracy"] < kept["robust_accuracy"]:
            best[_get_budget(row)] = row
    return best


def _compare_with_strongest(
    check: str, paper: str, group: Group, needs: str, *, strong: Sequence[Row], weak: Sequence[Row]
) -> Iterator[Verdict]:
    """The strongest of some rows at each budget against those that should not be stronger."""
    best = _find_strongest(strong)
    pairs = [(best[_get_budget(row)], row) for row in weak if _get_budget(row) in best]
    if not pairs:
        yield report_not_tested(check, paper, group, f"{needs} at the same budget")
    for stronger, weaker in pairs:
        yield _compare_strength(check, paper, stronger, weaker)


def check_attacks_are_registered(group: Group) -> Iterator[Verdict]:
    """What is not known of an attack keeps its rows out of most checks: no silence about that."""
    unknown = [row for row in group if find_attack(row["attack"]) is None]
    if unknown:
        names = ", ".join(sorted({str(row["attack"]) for row in unknown}))
        yield report_not_tested("attack known", "-", unknown, f"{names} among the registered attacks")


def check_iterative_beats_single_step(group: Group) -> Iterator[Verdict]:
    """Many steps find at least what one step finds."""
    strong, weak = _select_iterative(group), _select_white_box(group, lambda attack: attack.is_single_step())
    needs = "an attack of one step and an iterative attack"
    yield from _compare_with_strongest("iterative >= single step", ATHALYE, group, needs, strong=strong, weak=weak)


def check_transfer_is_not_stronger(group: Group) -> Iterator[Verdict]:
    """Knowing the model helps."""
    strong = _select_white_box(group, lambda attack: attack.access == "gradient")
    weak = [row for row in group if row["attack_surrogate"]]
    needs = "a transfer attack and a white-box attack"
    yield from _compare_with_strongest("white-box >= transfer", PAPERNOT, group, needs, strong=strong, weak=weak)


def check_noise_is_not_stronger(group: Group) -> Iterator[Verdict]:
    """Following the gradient beats guessing."""
    strong, weak = _select_iterative(group), _select_rows(group, lambda attack: attack.access == "none")
    needs = "noise and an iterative attack"
    yield from _compare_with_strongest("white-box >= noise", CARLINI, group, needs, strong=strong, weak=weak)


def check_gradient_free_is_not_stronger(group: Group) -> Iterator[Verdict]:
    """Where an attack without gradients does better, the gradients are masked."""
    strong = _select_iterative(group)
    weak = _select_rows(group, lambda attack: attack.access in ("logits", "label"))
    needs = "an attack without gradients and an iterative attack"
    yield from _compare_with_strongest("gradient >= gradient-free", ATHALYE, group, needs, strong=strong, weak=weak)


def check_budget_helps(group: Group) -> Iterator[Verdict]:
    """A larger ball holds everything that a smaller one holds."""
    check, curves = "more budget >= less", defaultdict(list)
    for row in _select_white_box(group, lambda attack: attack.access == "gradient" and attack.bounded):
        curves[row["attack"], row["attack_norm"], row["attack_steps"]].append(row)
    ordered = [sorted(curve, key=lambda row: float(row["attack_eps"])) for curve in curves.values()]
    pairs = [pair for curve in ordered for pair in zip(curve[1:], curve, strict=False) if not _may_overshoot(pair[0])]
    if not pairs:
        yield report_not_tested(check, CARLINI, group, "two budgets of one attack")
    for large, small in pairs:
        yield _compare_strength(check, CARLINI, large, small)


def _may_overshoot(row: Row) -> bool:
    attack = find_attack(row["attack"])
    return attack is not None and not attack.iterative and row["attack_eps"] > LARGE_STEP


def check_large_budget_reaches_chance(group: Group) -> Iterator[Verdict]:
    """With a budget that can erase the image, accuracy falls to chance or below."""
    check = "chance at a large budget"
    found = [row for row in _select_iterative(group) if row["attack_eps"] >= ERASING_EPS.get(row["attack_norm"], 1e9)]
    if not found:
        budgets = " or ".join(f"eps {eps} in {norm}" for norm, eps in ERASING_EPS.items())
        yield report_not_tested(check, ATHALYE, group, f"an iterative attack at {budgets}")
    for row in found:
        chance = 1 / (row["classes"] or 10)
        verdict = OK if row["robust_accuracy"] <= chance + CHANCE_SLACK else SUSPICIOUS
        yield Verdict(check, verdict, f"{_describe_row(row)}; chance {chance:.3f}", ATHALYE, list_ids(row))


def check_doubling_steps_changes_nothing(group: Group) -> Iterator[Verdict]:
    """An attack that still gains from more steps has not converged: its number is an upper bound."""
    check = "converged in steps"
    by_steps: dict[tuple[str, Budget], dict[int, Row]] = defaultdict(dict)
    for row in _select_iterative(group):
        by_steps[row["attack"], _get_budget(row)][row["attack_steps"]] = row
    pairs = []
    for runs in by_steps.values():
        most = max(runs)
        half = [steps for steps in runs if 2 * steps <= most]
        if half:
            pairs.append((runs[max(half)], runs[most]))
    if not pairs:
        yield report_not_tested(check, CARLINI, group, "one attack with twice the steps")
    for fewer, more in pairs:
        verdict = OK if fewer["robust_accuracy"] - more["robust_accuracy"] <= SLACK else SUSPICIOUS
        yield Verdict(check, verdict, f"{_describe_row(fewer)}; {_describe_row(more)}", CARLINI, list_ids(fewer, more))
