"""The best of ours beside the best peer, also where one side was left out."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.smallest_measure import compare_best
from benchmarks.smallest_outcomes import Asked, Outcome

BEST = np.array([1.0, 2.0])


def make_outcome(attack: str, by: str, passes: float, share: float) -> Outcome:
    """One that found the best of each image, so many times as large."""
    return Outcome(Asked("MNIST", "linf", attack, by, 1000, len(BEST)), BEST * share, passes, 0.5)


OURS, SLOW = make_outcome("fab_t", "ours", 1040, 1.0), make_outcome("rays", "ours", 1649, 1.0)
WEAK, PEER = make_outcome("fmn", "ours", 900, 1.25), make_outcome("fab", "adv-lib", 1000, 1.25)


@pytest.mark.parametrize(
    ("found", "cells"),
    [
        ([SLOW], ["rays 1.000 (1649 passes)", "0.9: yes", "-", "-", "-"]),
        ([SLOW, PEER], ["rays 1.000 (1649 passes)", "0.9: yes", "adv-lib fab", "-", "-"]),
        ([PEER], ["-", "-", "adv-lib fab", "-", "-"]),
        ([], ["-"] * 5),
        ([SLOW, OURS, WEAK, PEER], ["rays 1.000 (1649 passes)", "0.9: yes", "adv-lib fab", "fab_t 1.000", "+0"]),
        ([WEAK, PEER], ["fmn 0.", "0.9: no", "adv-lib fab", "fmn 0.", "+0.000 [+0.000, +0.000]"]),
    ],
)
def test_the_best_of_each_side_is_named_where_it_was_run(found: list[Outcome], cells: list[str]) -> None:
    said = compare_best(found, BEST, 0.9)
    assert len(said) == len(cells)
    for told, wanted in zip(said, cells, strict=True):
        assert told == wanted if wanted == "-" else told.startswith(wanted)
