"""The columns of the table of attacks are what was measured, and nothing else on the page changes."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.columns import (
    COLUMNS,
    NO_PEER,
    NO_SIZE,
    compare_seconds,
    describe_optimality,
    describe_ratios,
    fill_columns,
    fill_page,
    read_ratios,
)
from benchmarks.smallest_outcomes import Asked, Outcome, read_outcomes
from benchmarks.smallest_tables import BESTS, format_table, tabulate
from tests.support.checkout import ROOT

PAGE = """# Attacks

| `name` | norms | defaults |
|---|---|---|
| `ddn` | l2 | steps 1000 |
| `fgsm` | linf | |

| subject | norm |
|---|---|
| `ddn` | l2 |

| digits | FGSM, eps 8/255 | 500 | torchattacks | 4.4 | 4.4 | | 2.9e+03 | 1.4 | |
| digits | FGSM, eps 8/255 | 500 | foolbox | 4.4 | 4.4 | | 2.9e+03 | 2.1 | |
| MNIST | FGSM, eps 8/255 | 500 | torchattacks | 4.4 | 4.4 | | 2.9e+03 | 0.6 | |
| MNIST | I-FGSM, eps 8/255 | 500 | torchattacks | 4.4 | 4.4 | | 2.9e+03 | 9 | |
| MNIST | AutoAttack | 16 | torchattacks | 0 | 0 | | 232 | 2.1 | |
| MNIST | AutoAttack | 16 | pyautoattack | 0 | 0 | | 232 | 17.9 | |
"""


def make_outcome(by: str, seconds: float, *sizes: float, subject: str = "MNIST", attack: str = "ddn") -> Outcome:
    return Outcome(Asked(subject, "l2", attack, by, 400, len(sizes)), np.array(sizes), 400.0, seconds)


OUTCOMES = [
    make_outcome("ours", 2.0, 1.0, 2.0, 4.0),
    make_outcome("adv-lib", 3.0, 1.0, 4.0, 4.0),
    make_outcome("foolbox", 5.0, 4.0, 2.0, 4.0),
    make_outcome("ours", 2.0, 0.5, 4.0, 4.0, attack="fmn"),
    make_outcome("ours", 2.0, 1.0, 4.0, subject="digits"),
    make_outcome("adv-lib", 1.0, 1.0, 4.0, subject="digits"),
    make_outcome("adv-lib", 2.0, 1.0, 4.0, subject="digits", attack="fmn"),
    make_outcome("foolbox", 2.0, 2.0, 4.0, 4.0, attack="fmn"),
]


def test_optimality_is_the_mean_over_subjects_beside_the_best_peer() -> None:
    """On MNIST the best is 0.5, 2, 4, and an attack that finds nothing 3.5 and 2 above that: ours misses 0.5 of 5.5."""
    found = [outcome for outcome in OUTCOMES if (outcome.asked.attack, outcome.asked.by) != ("ddn", "foolbox")]
    ours, theirs = (1 - 0.5 / 5.5 + 1) / 2, (1 - 2.5 / 5.5 + 1) / 2
    assert describe_optimality(found) == {
        "ddn": f"l2 {ours:.2f} ({theirs:.2f})",
        "fmn": f"l2 {1 - 2 / 5.5:.2f} ({1 - 3.5 / 5.5:.2f})",
    }


def test_means_are_over_the_subjects_on_which_all_peers_ran() -> None:
    """On digits foolbox is missing, and ours is better there than on MNIST: neither number is of digits."""
    ours = [make_outcome("ours", 2.0, 2.0, 4.0, subject=subject) for subject in ("MNIST", "digits")]
    peers = [make_outcome("adv-lib", 2.0, 4.0, 4.0), make_outcome("foolbox", 2.0, 1.0, 4.0)]
    only = make_outcome("adv-lib", 2.0, 3.0, 4.0, subject="digits")
    assert describe_optimality([*ours, *peers, only]) == {"ddn": f"l2 {1 - 1 / 3:.2f} (1.00)"}
    apart = make_outcome("foolbox", 2.0, 1.0, 4.0, subject="digits")
    assert describe_optimality([*ours, peers[0], apart]) == {"ddn": f"l2 {(1 + 1 - 1 / 3) / 2:.2f}"}


def test_seconds_are_those_of_the_fastest_peer_of_each_subject() -> None:
    assert compare_seconds(OUTCOMES) == {"ddn": [1.5, 0.5], "fmn": [1.0]}


def test_ratios_of_the_cross_check_are_those_of_the_fastest_peer() -> None:
    assert read_ratios(PAGE) == {"fgsm": [1.4, 0.6], "ifgsm": [9.0], "autoattack": [17.9]}


@pytest.mark.parametrize(("ratios", "text"), [([], NO_PEER), ([1.4], "1.4"), ([1.4, 0.6, 3.0], "1.4 (0.6 to 3.0)")])
def test_ratios_are_said_in_a_few_words(ratios: list[float], text: str) -> None:
    assert describe_ratios(ratios) == text


def test_the_table_of_attacks_gets_its_columns_and_all_else_stays() -> None:
    filled = fill_columns(PAGE, OUTCOMES)
    lines = filled.splitlines()
    assert lines[2:6] == [
        f"| `name` | norms | defaults | {COLUMNS[0]} | {COLUMNS[1]} |",
        "|---|---|---|---|---|",
        "| `ddn` | l2 | steps 1000 | l2 0.91 (0.55) | 1.0 (0.5 to 1.5) |",
        f"| `fgsm` | linf |  | {NO_SIZE} | 1.0 (0.6 to 1.4) |",
    ]
    assert lines[6:] == PAGE.splitlines()[6:]
    assert fill_columns(filled, OUTCOMES) == filled


def test_a_page_gets_every_table_that_it_has() -> None:
    old = format_table(BESTS, [["old"] * len(BESTS)] * 3)
    page = "\n".join([PAGE, *old, "", "after"]) + "\n"
    bests = format_table(BESTS, tabulate(OUTCOMES)[BESTS])
    assert fill_page(page, OUTCOMES) == "\n".join([fill_columns(PAGE, OUTCOMES), *bests, "", "after"]) + "\n"
    assert fill_page(PAGE, OUTCOMES) == fill_columns(PAGE, OUTCOMES)


@pytest.mark.slow
def test_the_page_says_what_was_recorded() -> None:
    recorded = read_outcomes(ROOT / "benchmarks" / "recorded" / "smallest.jsonl")
    page = (ROOT / "docs" / "attacks.md").read_text("utf-8")
    assert len(recorded) > 100
    assert fill_page(page, list(recorded.values())) == page
