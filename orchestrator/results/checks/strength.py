"""Attacks held against each other: what knows more, goes farther or walks longer should find at least as much.

What an attack is (whether it follows gradients, in one step or in many, within a budget) is asked of its settings
class in the registry. A row whose attack is not registered is left out of the checks that ask, and one of them says so.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from orchestrator.results.checks.model import get_chance
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
from orchestrator.results.eps import format_row_eps, measure_eps
from orchestrator.text import format_eps
from tasks.attacks.base import ERASING_EPS, MethodSettings
from tasks.attacks.registry import find_attack
from tasks.metrics import compute_difference_interval
from tasks.trial.row import Row

SLACK = 0.01
"""Robust accuracy that a stronger attack may miss before a check speaks up."""
CHANCE_SLACK = 0.05
LARGE_STEP = 0.1
"""From this change of every value on, a single step of the size of the budget may go too far."""
SMALLEST_IMAGE = 28 * 28
"""Values of an image whose size the configuration does not say."""
LEAST_FALL = 0.005
"""Share of the images that a budget twice as large should fool more."""
LARGE_EPS = 16 / 255
"""An Linf budget that a sound model cannot ignore."""

Budget = tuple[str, float]
"""Norm and eps."""


def _describe_row(row: Row) -> str:
    steps = f", {row['attack_steps']} step{'s' if row['attack_steps'] > 1 else ''}"
    return f"{row['attack']} eps {format_row_eps(row)}{steps}: {row['robust_accuracy']:.1%}"


def _compare_strength(check: str, paper: str, strong: Row, weak: Row, cause: str) -> Verdict:
    """A stronger attack may miss a point of accuracy, and what chance among so few images explains."""
    ahead = strong["robust_accuracy"] - weak["robust_accuracy"]
    counts = (strong["robust_correct"], strong["examples"], weak["robust_correct"], weak["examples"])
    fails = ahead > SLACK and compute_difference_interval(*counts)[0] > 0
    figures = f"{_describe_row(strong)}; {_describe_row(weak)}"
    verdict = SUSPICIOUS if fails else OK
    return Verdict(check, verdict, figures, paper, list_ids(strong, weak), cause if fails else "")


def _select_rows(group: Group, fits: Callable[[type[MethodSettings]], bool]) -> list[Row]:
    """The rows with a budget whose attack is registered, and of that kind."""
    found = [(row, find_attack(row["attack"])) for row in group if row["attack_eps"]]
    return [row for row, attack in found if attack is not None and fits(attack)]


def _select_white_box(group: Group, fits: Callable[[type[MethodSettings]], bool]) -> list[Row]:
    """Untargeted: an image that misses its target may be fooled all the same, and a target asks for more.

    An attack that does not know of the transformations before a model does not see into it.
    """
    return [
        row
        for row in _select_rows(group, fits)
        if not row["attack_surrogate"] and not row["attack_targeted"] and is_adaptive(row)
    ]


def _select_iterative(group: Group) -> list[Row]:
    return _select_white_box(group, lambda attack: attack.is_iterative_white_box())


def _select_many_steps(group: Group) -> list[Row]:
    return [row for row in _select_iterative(group) if not _takes_one_step(row)]


def _select_single_step(group: Group) -> list[Row]:
    """Also iterative attacks that take one step."""
    found = _select_white_box(group, lambda attack: attack.is_single_step() or attack.is_iterative_white_box())
    return [row for row in found if _takes_one_step(row)]


def _takes_one_step(row: Row) -> bool:
    attack = find_attack(row["attack"])
    return attack is not None and (attack.is_single_step() or row["attack_steps"] == 1)


def _get_budget(row: Row) -> Budget:
    return (row["attack_norm"], _get_size(row))


def _get_size(row: Row) -> float:
    """The budget in pixels of [0, 1]; 0 where there is none."""
    return measure_eps(row) or 0.0


def is_adaptive(row: Row) -> bool:
    """Whether an attack follows its gradient through the transformations before the model, where there are any."""
    return not row["transformations"] or bool(json.loads(row["config"])["attack"].get("adaptive", True))


def _find_strongest(rows: Sequence[Row]) -> dict[Budget, Row]:
    """The lowest robust accuracy at each budget."""
    best: dict[Budget, Row] = {}
    for row in rows:
        kept = best.get(_get_budget(row))
        if kept is None or row["robust_accuracy"] < kept["robust_accuracy"]:
            best[_get_budget(row)] = row
    return best


def _compare_with_strongest(
    check: str, paper: str, group: Group, needs: str, cause: str, *, strong: Sequence[Row], weak: Sequence[Row]
) -> Iterator[Verdict]:
    """The strongest of some rows at each budget against those that should not be stronger."""
    best = _find_strongest(strong)
    pairs = [(best[_get_budget(row)], row) for row in weak if _get_budget(row) in best]
    if not pairs:
        yield report_not_tested(check, paper, group, f"{needs} at the same budget")
    for stronger, weaker in pairs:
        yield _compare_strength(check, paper, stronger, weaker, cause)


def check_attacks_are_registered(group: Group) -> Iterator[Verdict]:
    """What is not known of an attack keeps its rows out of most checks: no silence about that."""
    unknown = [row for row in group if find_attack(row["attack"]) is None]
    if unknown:
        names = ", ".join(sorted({str(row["attack"]) for row in unknown}))
        yield report_not_tested("attack known", "-", unknown, f"{names} among the registered attacks")


def check_iterative_beats_single_step(group: Group) -> Iterator[Verdict]:
    """Many steps find at least what one step finds."""
    strong, weak = _select_many_steps(group), _select_single_step(group)
    needs = "an attack of one step and an iterative attack"
    cause = "one step finds more than many: gradients change so fast that following them leads astray"
    yield from _compare_with_strongest(
        "iterative >= single step", ATHALYE, group, needs, cause, strong=strong, weak=weak
    )


def check_transfer_is_not_stronger(group: Group) -> Iterator[Verdict]:
    """Knowing the model helps."""
    strong = _select_white_box(group, lambda attack: attack.access == "gradient")
    weak = [row for row in group if row["attack_surrogate"]]
    needs = "a transfer attack and a white-box attack"
    cause = "examples of another model fool more than the model's own gradients: these are masked"
    yield from _compare_with_strongest("white-box >= transfer", PAPERNOT, group, needs, cause, strong=strong, weak=weak)


def check_noise_is_not_stronger(group: Group) -> Iterator[Verdict]:
    """Following the gradient beats guessing."""
    strong, weak = _select_iterative(group), _select_rows(group, lambda attack: attack.access == "none")
    needs = "noise and an iterative attack"
    cause = "noise fools more than gradients do: these are masked, or the attack is broken"
    yield from _compare_with_strongest("white-box >= noise", CARLINI, group, needs, cause, strong=strong, weak=weak)


def check_gradient_free_is_not_stronger(group: Group) -> Iterator[Verdict]:
    """Where an attack without gradients does better, the gradients are masked."""
    strong = _select_iterative(group)
    weak = _select_rows(group, lambda attack: attack.access in ("logits", "label"))
    needs = "an attack without gradients and an iterative attack"
    cause = "an attack that knows less finds more: gradients are masked"
    yield from _compare_with_strongest(
        "gradient >= gradient-free", ATHALYE, group, needs, cause, strong=strong, weak=weak
    )


def check_budget_helps(group: Group) -> Iterator[Verdict]:
    """A larger ball holds everything that a smaller one holds."""
    check, curves = "more budget >= less", defaultdict(list)
    for row in _select_white_box(group, lambda attack: attack.access == "gradient" and attack.bounded):
        curves[row["attack"], row["attack_norm"], row["attack_steps"]].append(row)
    ordered = [sorted(curve, key=_get_size) for curve in curves.values()]
    pairs = [pair for curve in ordered for pair in zip(curve[1:], curve, strict=False) if not _may_overshoot(pair[0])]
    if not pairs:
        yield report_not_tested(check, CARLINI, group, "two budgets of one attack")
    for large, small in pairs:
        cause = "a larger ball holds all of a smaller one, yet less is found in it: the attack does not use its budget"
        yield _compare_strength(check, CARLINI, large, small, cause)


def _may_overshoot(row: Row) -> bool:
    """Whether a single step changes every value by so much that less may be found than nearer to the image.

    A step of length eps in l2 changes each of N values by eps / sqrt(N).
    """
    if not _takes_one_step(row):
        return False
    largest = LARGE_STEP * math.sqrt(_count_values(row)) if row["attack_norm"] == "l2" else LARGE_STEP
    return _get_size(row) > largest


def _count_values(row: Row) -> int:
    """Values of an image, as far as the configuration tells."""
    data = json.loads(row["config"])["dataset"]
    size = data.get("image_size")
    return int(size * size * (data.get("channels") or 1)) if size else SMALLEST_IMAGE


def check_budget_matters(group: Group) -> Iterator[Verdict]:
    """A budget that is large, and twice as large as another, fools more than that: a flat curve is a mask."""
    check, curves = "no flat curve", defaultdict(list)
    for row in _select_iterative(group):
        if row["attack_norm"] == "linf":
            curves[row["attack"], row["attack_steps"]].append(row)
    pairs = []
    for curve in curves.values():
        large = max(curve, key=_get_size)
        smaller = [row for row in curve if 2 * _get_size(row) <= _get_size(large)]
        if smaller and _get_size(large) >= LARGE_EPS:
            pairs.append((large, min(smaller, key=_get_size)))
    if not pairs:
        needs = f"an iterative attack at eps {format_eps(LARGE_EPS)} or more, and at half of it or less"
        yield report_not_tested(check, ATHALYE, group, needs)
    for large, small in pairs:
        fall = small["robust_accuracy"] - large["robust_accuracy"]
        flat = fall < LEAST_FALL and large["robust_accuracy"] > 2 * get_chance(large)
        figures = f"{_describe_row(small)}; {_describe_row(large)}"
        cause = "accuracy does not fall with the budget: gradients are masked, or the attack is broken" if flat else ""
        yield Verdict(check, SUSPICIOUS if flat else OK, figures, ATHALYE, list_ids(small, large), cause)


def check_large_budget_reaches_chance(group: Group) -> Iterator[Verdict]:
    """With a budget that can erase the image, accuracy falls to chance or below."""
    check = "chance at a large budget"
    found = [row for row in _select_iterative(group) if _get_size(row) >= ERASING_EPS.get(row["attack_norm"], 1e9)]
    if not found:
        budgets = " or ".join(f"eps {eps} in {norm}" for norm, eps in ERASING_EPS.items())
        yield report_not_tested(check, ATHALYE, group, f"an iterative attack at {budgets}")
    for row in found:
        chance = get_chance(row)
        verdict = OK if row["robust_accuracy"] <= chance + CHANCE_SLACK else SUSPICIOUS
        cause = "" if verdict == OK else "no image can be told at this budget, so gradients lead nowhere"
        yield Verdict(check, verdict, f"{_describe_row(row)}; chance {chance:.1%}", ATHALYE, list_ids(row), cause)
