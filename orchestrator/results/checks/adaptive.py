"""Attacks on a model behind transformations: whether they know of these, and whether that helps them."""

from __future__ import annotations

import json
from collections.abc import Iterator

from orchestrator.results.budgets import Budget
from orchestrator.results.checks.strength import SLACK, is_adaptive
from orchestrator.results.checks.upper_bound import leaves_more
from orchestrator.results.checks.verdict import ATHALYE, OK, SUSPICIOUS, UPPER_BOUND, Group, Verdict, list_ids
from orchestrator.results.eps import format_row_eps
from orchestrator.results.image_reader import ReadRobust
from tasks.keys import format_canonical_json
from tasks.trial.row import Row

CHECK = "adaptive >= ignorant"
BESIDE = ("adaptive", "stop_when_fooled", "batch_size")
"""Settings in which an attack that knows of the transformations may differ from the same one that does not."""
LEAST_IMAGES = 2
"""Images that an adaptive attack leaves more: one may be a matter of the draw."""


def check_attack_is_adaptive(group: Group) -> Iterator[Verdict]:
    """An attack that does not see the transformations before a model says nothing of one that does."""
    for row in _select_defended(group):
        sees = is_adaptive(row)
        figures = f"{row['transformations']}: {'seen' if sees else 'not seen'} by {row['attack']}"
        cause = "" if sees else f"not adaptive: the attack does not know of the defence; {_advise(row, group)}"
        yield Verdict("adaptive attack", OK if sees else SUSPICIOUS, figures, ATHALYE, list_ids(row), cause)


def _advise(row: Row, group: Group) -> str:
    knowing = next((other for other in group if is_adaptive(other) and _identify(other) == _identify(row)), None)
    if knowing is None or not _falls_short(knowing, row):
        return "set attack.adaptive: true"
    return f"where it does it leaves more, {knowing['robust_accuracy']:.1%}: add an attack without gradients"


def check_knowing_the_defence_helps(group: Group, read: ReadRobust) -> Iterator[Verdict]:
    """What an attack finds without knowing of the transformations, the same attack finds when it knows of them.

    :param read: what is stored of the images of a trial.
    """
    defended = [row for row in _select_defended(group) if row["attack_eps"]]
    ignorant = {_identify(row): row for row in defended if not is_adaptive(row)}
    for row in filter(is_adaptive, defended):
        blind = ignorant.get(_identify(row))
        if blind is None:
            continue
        figures = (
            f"{row['attack']} eps {format_row_eps(row)}, adaptive: {row['robust_accuracy']:.1%}; "
            f"not adaptive: {blind['robust_accuracy']:.1%}"
        )
        if not _falls_short(row, blind):
            yield Verdict(CHECK, OK, figures, ATHALYE, list_ids(row))
            continue
        verdict = SUSPICIOUS if leaves_more(row, blind, Budget((row, blind), read)) else UPPER_BOUND
        cause = "the same attack leaves less where it does not know of the transformations: the gradient through them is a poor stand-in, add an attack without gradients"  # noqa: E501
        yield Verdict(CHECK, verdict, figures, ATHALYE, list_ids(row), cause)


def _select_defended(group: Group) -> list[Row]:
    return [row for row in group if row["transformations"] and not row["attack_surrogate"] and row["attack_eps"] != 0]


def _falls_short(knowing: Row, ignorant: Row) -> bool:
    """Whether an adaptive attack leaves more than the same attack that is none, be it by chance."""
    more = knowing["robust_correct"] - ignorant["robust_correct"]
    return bool(more >= LEAST_IMAGES and more > SLACK * knowing["examples"])


def _identify(row: Row) -> str:
    """The settings of an attack but for what it knows."""
    section = json.loads(row["config"])["attack"]
    return format_canonical_json({name: value for name, value in section.items() if name not in BESIDE})
