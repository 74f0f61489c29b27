"""Whether other attacks at hand leave less, or more steps would: what is stated is then an upper bound."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from orchestrator.results.budgets import Budget, group_budgets
from orchestrator.results.checks.verdict import (
    CARLINI,
    NOT_TESTED,
    OK,
    UPPER_BOUND,
    Group,
    Verdict,
    list_ids,
)
from orchestrator.results.config_part import format_part
from orchestrator.results.eps import format_row_eps
from orchestrator.results.image_reader import ReadRobust
from orchestrator.results.randomness import answers_at_random
from orchestrator.results.statistics import compute_sign_test
from tasks.attacks.registry import find_attack, list_attacks
from tasks.metrics import compute_difference_interval
from tasks.trial.row import Row

CHECK = "end of its curve"
LOWEST = "lowest of its budget"
"""Of the number of one attack; that of all attacks of a budget together it says nothing against."""
FEWER = "fewer images agree"
NOISE = 0.05
"""Probabilities above it are no difference."""
LADDER = ("steps", "step_size", "batch_size")
"""Settings of an attack that change along a curve."""


def check_upper_bounds(group: Group, read: ReadRobust) -> Iterator[Verdict]:
    """Every attack with a budget against more of itself, and against the others of its budget, on the images of both.

    :param read: what is stored of the images.
    """
    for budget in group_budgets(group, read):
        for row in budget.rows:
            yield from _hold_against_fewer(row, budget)
            yield _follow_curve(row, budget)
            yield _hold_against_others(row, budget)


def _hold_against_others(row: Row, budget: Budget) -> Verdict:
    """What another attack fools within the budget is not robust: a single image proves it, however it came about.

    A model that answers at random may be fooled by its own draw, so that of such a one the attack must be ahead beyond
    chance.
    """
    counted = budget.counted if row in budget.counted else budget.rows
    others = sorted(
        (other for other in counted if other is not row),
        key=lambda other: (other["robust_accuracy"], -(other["attack_steps"] or 0)),
    )
    figures, repeats = f"{_name(row)}: {row['robust_accuracy']:.1%}", not answers_at_random(row)
    if not others:
        return Verdict(LOWEST, NOT_TESTED, "needs another attack at the same budget", CARLINI, list_ids(row))
    for stronger in others:
        if _is_ahead(stronger, row, budget) and (repeats or leaves_more(row, stronger, budget)):
            mine, other = _tell_apart(row, stronger)
            left = f"{other} leaves {stronger['robust_accuracy']:.1%}"
            return _bound(LOWEST, row, budget, f"{mine}: {row['robust_accuracy']:.1%}, {left}")
    if repeats and budget.count_above(row) > 0:
        return _bound(LOWEST, row, budget, figures)
    least = f"{_name(others[0])}: {others[0]['robust_accuracy']:.1%}"
    return Verdict(LOWEST, OK, f"{figures}; {least}", CARLINI, list_ids(row))


def _is_ahead(stronger: Row, row: Row, budget: Budget) -> bool:
    """Whether it leaves fewer of the images that both saw; counts of other images tell nothing."""
    if stronger["examples"] == row["examples"]:
        return bool(stronger["robust_correct"] < row["robust_correct"])
    found = budget.compare(row, stronger)
    return found is not None and found.only_first > found.only_second


def _hold_against_fewer(row: Row, budget: Budget) -> Iterator[Verdict]:
    """An attack on so few images that it is no part of the worst case is proof all the same of those that it fools."""
    names, repeats = {each["trial_id"] for each in budget.counted}, not answers_at_random(row)
    left = budget.survivors if repeats else budget.read(row)
    for other in budget.rows if row["trial_id"] in names and left else ():
        robust = budget.read(other) if other["trial_id"] not in names else None
        if robust is None or left is None:
            continue
        shared = [place for place in robust if left.get(place)]
        fooled = sum(not robust[place] for place in shared)
        figures = f"{_name(other)} on {other['examples']} images fools {fooled} of {len(shared)} that are left of these"
        proof = fooled > 0 if repeats else leaves_more(row, other, budget)
        cause = f"to settle it, run {other['attack']} on as many images" if proof else ""
        yield Verdict(FEWER, UPPER_BOUND if proof else OK, figures, CARLINI, list_ids(row), cause)


def _follow_curve(row: Row, budget: Budget) -> Verdict:
    """Whether more of the same leaves less."""
    curve = sorted((other for other in budget.rows if _same_curve(row, other)), key=lambda other: _steps(other))
    half = [other for other in curve if 2 * _steps(other) <= _steps(row)]
    longer = [other for other in curve if _steps(other) >= 2 * _steps(row)]
    figures = f"{_name(row)}: {row['robust_accuracy']:.1%}"
    if longer:
        return Verdict(CHECK, OK, f"{figures}; {_name(longer[-1])}: {longer[-1]['robust_accuracy']:.1%}",
                       CARLINI, list_ids(row))  # fmt: skip
    if not half:
        return Verdict(CHECK, NOT_TESTED, "needs half or twice the steps", CARLINI, list_ids(row))
    before = half[-1]
    if leaves_more(before, row, budget):
        falls = f"from {_steps(before)} to {_steps(row)} steps it fell from {before['robust_accuracy']:.1%}"
        return _bound(CHECK, row, budget, f"{figures}, {falls}")
    return Verdict(CHECK, OK, f"{figures}; {_name(before)}: {before['robust_accuracy']:.1%}", CARLINI, list_ids(row))


def leaves_more(row: Row, other: Row, budget: Budget) -> bool:
    """Whether the first attack leaves more images than the second, beyond chance.

    By the exact sign test over the images on which they disagree; where these are not known, by the interval of the
    difference of two rates.
    """
    found = budget.compare(row, other)
    if found is not None:
        return compute_sign_test(found.only_first, found.only_second) < NOISE
    counts = (row["robust_correct"], row["examples"], other["robust_correct"], other["examples"])
    return compute_difference_interval(*counts)[0] > 0


def _bound(check: str, row: Row, budget: Budget, figures: str) -> Verdict:
    worst = budget.worst_case
    if worst is not None and len(budget.counted) > 1:
        images = "" if row["examples"] == worst.examples else f" of the {worst.examples} images that all saw"
        figures += f", all {len(budget.counted)} attacks of this budget together {worst.rate:.1%}{images}"
    return Verdict(check, UPPER_BOUND, figures, CARLINI, list_ids(row), _suggest(row, budget))


def _suggest(row: Row, budget: Budget) -> str:
    """What would settle how much is left."""
    settling = [
        name for name, attack in list_attacks().items() if attack.settles and row["attack_norm"] in attack.norms()
    ]
    lower = {other["attack"] for other in budget.rows if _is_ahead(other, row, budget)}
    if lower & set(settling):
        return f"read {next(name for name in settling if name in lower)} instead"
    settles = bool({other["attack"] for other in budget.rows} & set(settling))
    if settles and budget.count_above(row) > 0:
        return "read the worst case of this budget instead"
    attack = find_attack(row["attack"])
    most = max(_steps(other) for other in budget.rows if _same_curve(row, other))
    steps = [f"steps: {2 * most}"] if attack is not None and attack.iterative else []
    known = settling[:1] if (row["classes"] or 10) >= 4 and not settles else []
    wanted = " or ".join([*steps, *known])
    return f"to settle it, add {wanted}" if wanted else "a stronger attack leaves less"


def _same_curve(row: Row, other: Row) -> bool:
    return identify_curve(row) == identify_curve(other)


def identify_curve(row: Row) -> str:
    """Names an attack by its settings but for how long it walks."""
    return format_part(row, _choose_curve)


def _choose_curve(config: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config["attack"].items() if name not in LADDER}


def _steps(row: Row) -> int:
    return int(row["attack_steps"] or 0)


def _tell_apart(row: Row, other: Row) -> tuple[str, str]:
    """The names of two attacks; where they are one, with the settings in which they differ."""
    names = (_name(row), _name(other))
    if names[0] != names[1]:
        return names
    mine, theirs = (json.loads(each["config"])["attack"] for each in (row, other))
    differing = [name for name in mine if name != "batch_size" and mine[name] != theirs.get(name)]
    plain = [name for name in differing if not isinstance(mine[name], dict) and not isinstance(theirs.get(name), dict)]
    notes = (", ".join(f"{name}: {json.dumps(of.get(name))}" for name in plain) for of in (mine, theirs))
    first, second = (f"{name} ({note})" if note else name for name, note in zip(names, notes, strict=True))
    return first, second


def _name(row: Row) -> str:
    steps = f" {_steps(row)} step{'s' if _steps(row) != 1 else ''}" if _steps(row) else ""
    source = f" from {row['attack_surrogate']}" if row["attack_surrogate"] else ""
    return f"{row['attack']} eps {format_row_eps(row)}{steps}{source}"
