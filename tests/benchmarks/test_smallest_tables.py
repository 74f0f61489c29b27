"""What was found as tables: every attack beside its peers, and the best of each side, also where one was left out."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.smallest_outcomes import Asked, Outcome
from benchmarks.smallest_tables import ATTACKS, BESTS, compare_best, format_table, tabulate

BEST = np.array([1.0, 2.0])


def make_outcome(attack: str, by: str, passes: float, share: float) -> Outcome:
    """One that found the best of each image, so many times as large."""
    return Outcome(Asked("MNIST", "linf", attack, by, 1000, len(BEST)), BEST * share, passes, 0.5)


OURS, SLOW = make_outcome("fab_t", "ours", 1040, 1.0), make_outcome("rays", "ours", 1649, 1.0)
WEAK, PEER = make_outcome("fmn", "ours", 900, 1.25), make_outcome("fab", "adv-lib", 1000, 1.25)


@pytest.mark.parametrize(
    ("found", "cells"),
    [
        ([SLOW], ["rays 1.000 (1649 passes)", "0.90: yes", "-", "-", "-"]),
        ([SLOW, PEER], ["rays 1.000 (1649 passes)", "0.90: yes", "adv-lib fab", "-", "-"]),
        ([PEER], ["-", "-", "adv-lib fab", "-", "-"]),
        ([], ["-"] * 5),
        ([SLOW, OURS, WEAK, PEER], ["rays 1.000 (1649 passes)", "0.90: yes", "adv-lib fab", "fab_t 1.000", "+0"]),
        ([WEAK, PEER], ["fmn 0.", "0.90: no", "adv-lib fab", "fmn 0.", "+0.000 [+0.000, +0.000]"]),
    ],
)
def test_the_best_of_each_side_is_named_where_it_was_run(found: list[Outcome], cells: list[str]) -> None:
    said = compare_best(found, BEST, 0.9)
    assert len(said) == len(cells)
    for told, wanted in zip(said, cells, strict=True):
        assert told == wanted if wanted == "-" else told.startswith(wanted)


def find(
    attack: str, by: str, *sizes: float, subject: str = "MNIST, resnet8", norm: str = "l2", first: int = 0
) -> Outcome:
    return Outcome(Asked(subject, norm, attack, by, 400, len(sizes), first), np.array(sizes), 399.6, 2.25)


def test_attacks_of_ours_stand_beside_their_peers_by_subject_and_norm() -> None:
    """The best of each image is 1, 2, 0: what finds nothing misses 2 - 1 and 2 - 2, cut at the largest of the best."""
    found = [
        find("fmn", "ours", 1.0, 2.0, norm="l1", first=1000),
        find("ddn", "ours", 1.0, np.inf, 0.0, first=1000),
        find("ddn", "foolbox", 2.0, 2.0, 0.0, first=1000),
        find("ddn", "adv-lib", 1.0, 2.0, 0.0, first=1000),
        find("fmn", "adv-lib", 1.0, 2.0, 0.0, first=1000),
        find("fmn", "ours", 1.0, 1.0, subject="digits, resnet8"),
    ]
    tables = tabulate(found)
    half, one = "1.000 [0.000, 1.000]", "1.000 [1.000, 1.000]"
    assert [" ".join(row) for row in tables[ATTACKS]] == [
        f"MNIST, from 1,000 l2 `ddn` 50 {half} 400 2.2 foolbox 0.000 (400, 2.2); adv-lib 1.000 (400, 2.2)",
        f"MNIST, from 1,000 l1 `fmn` 100 {one} 400 2.2 ",
        f"digits, from 0 l2 `fmn` 100 {one} 400 2.2 ",
    ]
    assert [row[:3] for row in tables[BESTS]] == [
        ["MNIST, from 1,000", "l2", "ddn 1.000 (400 passes)"],
        ["MNIST, from 1,000", "l1", "fmn 1.000 (400 passes)"],
        ["digits, from 0", "l2", "fmn 1.000 (400 passes)"],
    ]


def test_a_table_of_markdown_has_a_line_below_its_header() -> None:
    assert format_table(("a", "b"), [["1", ""]]) == ["| a | b |", "|---|---|", "| 1 | |"]
