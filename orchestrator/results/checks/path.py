"""How an attack went on its way: indicators of an attack that failed (Pintor et al. 2022, arXiv 2106.09947)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator.results.checks.attack import is_comparable
from orchestrator.results.checks.model import SURE, THIS_VERSION, read_health
from orchestrator.results.checks.verdict import (
    CARLINI,
    CROCE,
    OK,
    PAPERNOT,
    PINTOR,
    SUSPICIOUS,
    UPPER_BOUND,
    Group,
    Verdict,
    list_ids,
    report_not_tested,
)
from orchestrator.results.statistics import compute_binomial_tail
from tasks.trial.row import Row

LEAST_SHARE = 0.01
"""Share of all images from which on what a path shows is no detail."""
LEAST_RESTARTED = 8
"""Robust images from which on a restart says something."""
DEAD_SHARE = 0.2
"""Share of the robust images whose loss may stand still or fall on the whole way."""
NO_CHANCE = 0.01
"""Below it, what another loss fools is more than `LEAST_SHARE` of the images left: three of 32."""
FOOLED_SHARE, MANY, WALKING_STEPS = 0.5, 16, 8
"""Share of the images left that another loss may fool before an attack of as many steps is said to be misled, and how
many images tell."""
NEEDED = f"{THIS_VERSION}, of an attack of 4 steps or more"
"""What a row has to have for its path to be known."""
REACHED_SHARE = 0.5
"""Share of the images that an attack by transfer should fool on the model that it was made against."""


def _read_path(row: Row) -> dict[str, Any]:
    """The counts of its path; empty where there are none."""
    health = read_health(row)
    return health if health.get("path_images") and not row["attack_surrogate"] else {}


def _list_paths(group: Group) -> list[tuple[Row, dict[str, Any]]]:
    """The rows whose path is known, with its counts."""
    return [(row, found) for row in group if (found := _read_path(row))]


def check_best_iterate_counts(group: Group) -> Iterator[Verdict]:
    """An image that was fooled on the way and is not at the end was fooled all the same."""
    check = "no silent success"
    told = [each for each in _list_paths(group) if not each[0]["transformations"] and not each[0]["attack_targeted"]]
    if not told:
        yield report_not_tested(check, PINTOR, group, NEEDED)
    for row, found in told:
        missed = found["silent"] if not row["stop_when_fooled"] else 0
        figures = f"{missed} of {row['robust_correct']} robust images were fooled on the way"
        cause = "silent success: only the last iterate counts; set stop_when_fooled: true" if missed else ""
        yield Verdict(check, UPPER_BOUND if missed else OK, figures, PINTOR, list_ids(row), cause)


def check_attack_has_converged(group: Group) -> Iterator[Verdict]:
    """Images that the attack would reach if it went on as it did are not robust yet."""
    check = "attack has converged"
    told = _list_paths(group)
    if not told:
        yield report_not_tested(check, PINTOR, group, NEEDED)
    for row, found in told:
        near = found["unfinished"]
        open_end = near >= 2 and near > LEAST_SHARE * row["examples"]
        figures = f"{near} of {row['robust_correct']} robust images would be fooled if the loss went on rising so for as many steps again"  # noqa: E501
        cause = f"incomplete optimisation: add steps: {2 * row['attack_steps']}" if open_end else ""
        yield Verdict(check, UPPER_BOUND if open_end else OK, figures, PINTOR, list_ids(row), cause)


def check_loss_rises(group: Group) -> Iterator[Verdict]:
    """An attack whose loss stands still, or was never above that of the start, has gone nowhere."""
    check = "loss rises"
    told = _list_paths(group)
    if not told:
        yield report_not_tested(check, PINTOR, group, NEEDED)
    for row, found in told:
        dead, of = found["backwards"], found["path_images"]
        lost = compute_binomial_tail(dead, of, DEAD_SHARE) < SURE
        figures = (
            f"of {of} robust images the loss of {dead} was never above its start, of which {found['stuck']} never moved"
        )
        cause = "the loss does not rise along the attack: its gradients lead nowhere, or its steps overshoot"
        verdict = SUSPICIOUS if lost else OK
        yield Verdict(check, verdict, figures, PINTOR, list_ids(row), cause if lost else "")


def check_another_loss_finds_no_more(group: Group) -> Iterator[Verdict]:
    """A few steps along the margin find nothing among the images that an attack on another loss has left."""
    check = "another loss finds no more"
    told = [(row, health) for row in group if is_comparable(row) and (health := read_health(row)).get("walk_images")]
    if not told:
        yield report_not_tested(check, CROCE, group, f"{THIS_VERSION}, of a white-box attack with a budget")
    for row, health in told:
        fooled, of = health["walk_fooled"], health["walk_images"]
        many = row["attack_steps"] >= WALKING_STEPS and of >= MANY and fooled > FOOLED_SHARE * of
        more = compute_binomial_tail(fooled, of, LEAST_SHARE) < NO_CHANCE
        figures = f"eight steps along the margin fool {fooled} of {of} images that it left"
        cause = "the attack is misled where a plain one is not: its loss saturates, or its steps are wrong"
        if not many:
            cause = "another loss leaves less: add apgd_t, or more steps"
        verdict = SUSPICIOUS if many else UPPER_BOUND if more else OK
        yield Verdict(check, verdict, figures, CROCE, list_ids(row), cause if many or more else "")


def check_transfer_fools_its_surrogate(group: Group) -> Iterator[Verdict]:
    """Examples that do not fool the model they were made against say nothing about another."""
    check = "surrogate fooled"
    for row in group:
        health = read_health(row)
        if not row["attack_surrogate"] or not health.get("path_images") or not row["attack_eps"]:
            continue
        reached = health["fooled_on_path"]
        weak = reached < REACHED_SHARE * row["examples"]
        figures = f"{reached} of {row['examples']} images fooled {row['attack_surrogate']} on the way"
        cause = "the attack fails on its own surrogate, so that nothing could transfer: add steps" if weak else ""
        yield Verdict(check, UPPER_BOUND if weak else OK, figures, PAPERNOT, list_ids(row), cause)


def check_restarts_are_alive(group: Group) -> Iterator[Verdict]:
    """Starts that all end in one place are one start, and starts that still find something are too few."""
    check = "restarts"
    for row in group:
        health = read_health(row)
        of, found = health.get("restart_images", 0), health.get("restart_found", 0)
        if of < LEAST_RESTARTED or row["attack_surrogate"]:
            continue
        figures = f"of {of} robust images the last restart fooled {found}, and left {health['restart_repeated']} exactly as the first run did"  # noqa: E501
        cause = ""
        if health["restart_repeated"] == of:
            cause = "dead restarts: every one ends where the first run ended, so that they count as one"
        elif found >= 2 and found > LEAST_SHARE * row["examples"]:
            cause = "the last restart found images that none before had: add restarts"
        yield Verdict(check, UPPER_BOUND if cause else OK, figures, CARLINI, list_ids(row), cause)
