"""The best beside the next best: whether it leads on the images, and over the seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestrator.report.analysis.effects import LEAST_SEEDS, NOISE
from orchestrator.report.analysis.selected_configurations import Choice
from orchestrator.report.analysis.study import Measured
from orchestrator.results.statistics import (
    McNemar,
    Paired,
    compute_mcnemar,
    correct_p_values,
    estimate_paired_difference,
)
from tasks.trial.row import Row

Robust = Callable[[Row], dict[tuple[str, int], bool]]
"""A trial -> test split and place of each attacked image -> whether it is robust; empty where that is not known."""


@dataclass(frozen=True)
class Answer:
    """What to take for a minimum of clean accuracy, and whether the next best is any worse."""

    choice: Choice
    runner_up: Measured | None
    test: McNemar | None
    """The winner against the runner-up over all images of all seeds: it speaks of the models that were trained, not of
    their settings; null where they cannot be paired."""
    adjusted: float | None
    """Its p-value, corrected for all answers."""
    over_seeds: Paired | None
    """The same over seeds: what it says of the settings; null where no seed has both."""

    @property
    def tie(self) -> bool:
        """Whether the lead is noise: on the images, or over the seeds where there are enough."""
        if self.over_seeds is not None and self.over_seeds.interval.count >= LEAST_SEEDS:
            return self.over_seeds.p is None or self.over_seeds.p > NOISE
        return self.adjusted is not None and self.adjusted > NOISE

    @property
    def verdict(self) -> str:
        """What the lead is worth, in words; empty where nothing was compared."""
        if self.test is None and self.over_seeds is None:
            return ""
        if self.over_seeds is None or self.over_seeds.interval.count < LEAST_SEEDS:
            if self.adjusted is None:
                return ""
            return "a tie on these images" if self.tie else "ahead on these images; too few seeds to speak of settings"
        return "a tie: the lead is noise" if self.tie else "a real lead"


def compare_pairs(pairs: Sequence[tuple[Choice, Measured | None]], robust: Robust) -> list[Answer]:
    """Winners beside their runners-up, tested per image and corrected together."""
    tests = [compare_images(choice.best, second, robust) if second else None for choice, second in pairs]
    over_seeds = _correct_over_seeds(
        [compare_seeds(choice.best, second) if second else None for choice, second in pairs]
    )
    adjusted = correct_p_values([test.p if test else None for test in tests])
    return [
        Answer(choice, second, test, p, pair)
        for (choice, second), test, p, pair in zip(pairs, tests, adjusted, over_seeds, strict=True)
    ]


def compare_seeds(first: Measured, second: Measured) -> Paired | None:
    """Robust accuracy of the first less that of the second, seed by seed; null where no seed has both."""
    by_seed = {row["seed"]: row["robust_accuracy"] for row in second.rows}
    found = [row["robust_accuracy"] - by_seed[row["seed"]] for row in first.rows if row["seed"] in by_seed]
    return estimate_paired_difference(found) if found else None


def _correct_over_seeds(found: Sequence[Paired | None]) -> list[Paired | None]:
    adjusted = correct_p_values([pair.p if pair and pair.interval.count >= LEAST_SEEDS else None for pair in found])
    return [pair and Paired(pair.interval, p) for pair, p in zip(found, adjusted, strict=True)]


def compare_images(first: Measured, second: Measured, robust: Robust) -> McNemar | None:
    """McNemar's test over the images of the seeds that both have; null where no image can be paired."""
    sides: tuple[list[bool], list[bool]] = ([], [])
    by_seed = {row["seed"]: row for row in second.rows}
    for row in first.rows:
        if row["seed"] in by_seed:
            one, other = robust(row), robust(by_seed[row["seed"]])
            for index in sorted(one.keys() & other.keys()):
                sides[0].append(one[index])
                sides[1].append(other[index])
    if not sides[0]:
        return None
    return compute_mcnemar(_read_bools(sides[0]), _read_bools(sides[1]))


def _read_bools(values: Sequence[bool]) -> NDArray[np.bool_]:
    return np.array(values, np.bool_)
