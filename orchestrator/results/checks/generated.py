"""Attacks that make their examples by a generator: what they leave, and whether their examples keep their label."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from orchestrator.results.budgets import Budget
from orchestrator.results.checks.strength import is_adaptive
from orchestrator.results.checks.upper_bound import leaves_more
from orchestrator.results.checks.verdict import (
    ATHALYE,
    NOT_TESTED,
    OK,
    SUSPICIOUS,
    UPPER_BOUND,
    Group,
    Verdict,
    list_ids,
    report_not_tested,
)
from orchestrator.results.eps import format_row_eps, measure_eps
from orchestrator.results.image_reader import ImageReader, ReadRobust
from tasks.attacks.base import UNRESTRICTED
from tasks.attacks.registry import find_attack
from tasks.trial.row import Row

CHECK = "gradient >= generator"
KEPT = "witness keeps the label"
XIAO = "Xiao et al. 2018, arXiv 1801.02610"
SONG = "Song et al. 2018, arXiv 1805.07894"
READ = ("label", "clean_prediction", "adversarial_prediction", "witness_prediction", "l2", "witness_clean_prediction")
"""Columns of the images of an unrestricted attack."""
LEAST_KEPT = 0.5
"""Share of the examples that fool the model whose label the witness should know without the attack, and of these the
share in which it should still see it."""


def check_generated_examples(group: Group, read: ReadRobust) -> Iterator[Verdict]:
    """A generator against the gradient in the same ball, and an unrestricted attack against its witness.

    :param read: what is stored of the images of a trial.
    """
    for row in group:
        attack = find_attack(row["attack"])
        if attack is None or attack.access != "generator" or row["attack_eps"] == 0:
            continue
        if row["attack_norm"] == UNRESTRICTED:
            yield _judge_labels(row, read)
        else:
            yield _compare_with_gradient(row, group, read)


def _compare_with_gradient(row: Row, group: Group, read: ReadRobust) -> Verdict:
    """What is held to the images of a generator finds less than what may go anywhere in the ball."""
    budget = (row["attack_norm"], measure_eps(row), row["attack_surrogate"])
    strong = [
        other
        for other in group
        if (other["attack_norm"], measure_eps(other), other["attack_surrogate"]) == budget
        and (attack := find_attack(other["attack"])) is not None
        and attack.is_iterative_white_box()
        and not other["attack_targeted"]
        and is_adaptive(other)
    ]
    if not strong:
        return report_not_tested(CHECK, XIAO, [row], "an iterative attack along the gradient at the same budget")
    best = min(strong, key=lambda other: float(other["robust_accuracy"]))
    figures, pair = f"{_describe(row)}; {_describe(best)}", Budget((row, best), read)
    if leaves_more(row, best, pair):
        cause = f"a generator is weaker than the gradient, which follows the image: read {best['attack']} instead"
        return Verdict(CHECK, UPPER_BOUND, figures, XIAO, list_ids(row), cause)
    if leaves_more(best, row, pair):
        cause = "a generator finds more than the gradient in the same ball: gradients are masked"
        return Verdict(CHECK, SUSPICIOUS, figures, ATHALYE, list_ids(best, row), cause)
    return Verdict(CHECK, OK, figures, XIAO, list_ids(row, best))


def _judge_labels(row: Row, read: ReadRobust) -> Verdict:
    """An example that nobody takes for its label any more is another image, not an adversarial one."""
    table = read.load_table(row, *READ) if isinstance(read, ImageReader) else None
    if table is None or table["witness_prediction"].null_count:
        return Verdict(KEPT, NOT_TESTED, "needs what is stored of the images", SONG, list_ids(row))
    label, before, after, seen, size = (table[name].to_numpy() for name in READ[:5])
    fooled = (before == label) & (after != label)
    asked = not table["witness_clean_prediction"].null_count  # earlier versions did not ask it of the clean images
    known = fooled & (table["witness_clean_prediction"].to_numpy() == label) if asked else fooled
    kept = known & (seen == label)
    of, sees, count = (int(which.sum()) for which in (fooled, known, kept))
    witness = json.loads(row["config"])["attack"]["witness"]
    name = f"{witness['model']['name']}, seed {witness['seed'] if witness['seed'] is not None else row['seed']}"
    figures = f"of {of} examples that fool the model {count} keep their label for {name}"
    figures += f", which sees it in {sees} of the clean images" if asked else ""
    if count:
        figures += f", their L2 {np.median(size[kept]):.3g} in the median"
    cause = ""
    if count < LEAST_KEPT * sees:
        cause = "most examples that fool the model have lost their label, and do not count: take smaller or fewer steps"
    elif sees < LEAST_KEPT * of:
        cause = "the witness is wrong about most clean images that are fooled, and these do not count: train it better"
    grade = UPPER_BOUND if cause else OK
    return Verdict(KEPT, grade, figures, SONG, list_ids(row), cause, always_shown=True)


def _describe(row: Row) -> str:
    return f"{row['attack']} eps {format_row_eps(row)}: {row['robust_accuracy']:.1%}"
