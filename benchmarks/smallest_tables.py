"""The tables of what was found: each attack of ours beside its peers, and the best of each side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.smallest_outcomes import NORMS, OURS, Outcome, Sizes, find_best, group_outcomes, score_sizes

ATTACKS = (
    "subject", "norm", "attack", "fooled %", "optimality [95 %]", "passes", "seconds",
    "the same of a peer: optimality (passes, seconds)",
)  # fmt: skip
BESTS = ("subject", "norm", "best of ours", "aim", "best peer", "ours at no more passes", "difference [95 %]")
AIMS = {"linf": 0.97, "l2": 0.93, "l1": 0.93, "l0": 0.98}
"""Norm -> the optimality that the best of ours is to reach."""
SLACK = 1.05
"""Two numbers of passes of which one is at most so many times the other are equal."""
RESAMPLES = 500
NONE = "-"
"""What stands where nothing was run."""
Places = NDArray[np.int64]


def tabulate(outcomes: Iterable[Outcome]) -> dict[tuple[str, ...], list[list[str]]]:
    """Header of each of the two tables -> its rows: subject by subject, and norm by norm."""
    attacks, bests, groups = list[list[str]](), list[list[str]](), group_outcomes(outcomes)
    subjects = list(dict.fromkeys(group[0].asked.subject for group in groups))
    groups.sort(key=lambda group: (subjects.index(group[0].asked.subject), NORMS.index(group[0].asked.norm)))
    for group in groups:
        asked, best = group[0].asked, find_best(group)
        begin = [f"{asked.subject.split(',')[0]}, from {asked.first:,}", asked.norm]
        attacks += [[*begin, *cells] for cells in list_attacks(group, best)]
        bests.append([*begin, *compare_best(group, best, AIMS[asked.norm])])
    return {ATTACKS: attacks, BESTS: bests}


def format_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of Markdown; an empty cell at the end of a row takes one blank."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (header, *rows)]
    lines.insert(1, "|" + "---|" * len(header))
    return [line.replace("|  |", "| |") for line in lines]


def list_attacks(found: list[Outcome], best: Sizes) -> list[list[str]]:
    """The cells of `ATTACKS` behind the norm, a row for each attack of ours.

    :param best: the smallest size of each image that any of them found.
    """
    rows = list[list[str]]()
    for ours in found:
        if ours.asked.by != OURS:
            continue
        fooled = np.isfinite(ours.sizes[best > 0])
        low, high = _resample(len(best), lambda places, sizes=ours.sizes: score_sizes(sizes[places], best[places]))
        peers = [
            f"{peer.asked.by} {score_sizes(peer.sizes, best):.3f} ({peer.passes:.0f}, {peer.seconds:.1f})"
            for peer in found if peer.asked.attack == ours.asked.attack and peer.asked.by != OURS
        ]  # fmt: skip
        score = f"{score_sizes(ours.sizes, best):.3f} [{low:.3f}, {high:.3f}]"
        cost = [f"{ours.passes:.0f}", f"{ours.seconds:.1f}", "; ".join(peers)]
        rows.append([f"`{ours.asked.attack}`", f"{100 * fooled.mean():.0f}", score, *cost])
    return rows


def compare_best(found: list[Outcome], best: Sizes, aim: float) -> list[str]:
    """The best of ours beside its aim, the best peer, and beside that the best of ours that takes no more passes.

    :return: the cells of `BESTS` behind the norm, of which those that nothing was run for hold a dash.
    """
    ours = [outcome for outcome in found if outcome.asked.by == OURS]
    peers = [outcome for outcome in found if outcome.asked.by != OURS]

    def rank(outcome: Outcome) -> float:
        return score_sizes(outcome.sizes, best)

    def name(outcome: Outcome | None) -> str:
        return f"{outcome.asked.attack} {rank(outcome):.3f} ({outcome.passes:.0f} passes)" if outcome else NONE

    strongest, peer = max(ours, key=rank, default=None), max(peers, key=rank, default=None)
    reached = f"{aim:.2f}: {'yes' if rank(strongest) >= aim else 'no'}" if strongest else NONE
    if peer is None:
        return [name(strongest), reached, NONE, NONE, NONE]
    equal = max((outcome for outcome in ours if outcome.passes <= SLACK * peer.passes), key=rank, default=None)
    difference = _compare(equal, peer, best) if equal else NONE
    return [name(strongest), reached, f"{peer.asked.by} {name(peer)}", name(equal), difference]


def _compare(equal: Outcome, peer: Outcome, best: Sizes) -> str:
    def gain(places: Places) -> float:
        return score_sizes(equal.sizes[places], best[places]) - score_sizes(peer.sizes[places], best[places])

    low, high = _resample(len(best), gain)
    return f"{gain(np.arange(len(best))):+.3f} [{low:+.3f}, {high:+.3f}]"


def _resample(count: int, statistic: Any) -> tuple[float, float]:
    """A percentile interval of what a statistic is over resampled images."""
    draw = np.random.default_rng(0)
    again = [statistic(draw.integers(0, count, count)) for _ in range(RESAMPLES)]
    low, high = np.quantile(again, [0.025, 0.975]).tolist()
    return low, high
