"""Intervals and tests, by scipy; `docs/statistics.md` says which is used for what, and why."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
NORMAL_QUANTILE = statistics.NormalDist().inv_cdf((1 + LEVEL) / 2)
"""Half the width of a 95 % interval of a normal distribution in standard errors."""
SAME = 1e-12
"""Rates nearer than this differ by rounding alone."""


@dataclass(frozen=True)
class Interval:
    """An estimate and where it may lie, at 95 %."""

    mean: float
    low: float | None
    """Null where there is no telling: a single value."""
    high: float | None
    count: int
    deviation: float | None = None
    """Standard deviation of the values; null for a single one."""


@dataclass(frozen=True)
class Paired:
    """The mean of paired differences, and the probability of one as large by chance."""

    interval: Interval
    p: float | None
    """Null where there is a single pair."""


@dataclass(frozen=True)
class McNemar:
    """Two models on the same images."""

    images: int
    only_first: int
    """Images that the first model alone gets right."""
    only_second: int
    p: float

    @property
    def difference(self) -> float:
        """Accuracy of the first less that of the second."""
        return (self.only_first - self.only_second) / self.images


def estimate_mean(values: Sequence[float]) -> Interval:
    """Mean of replicates and Student's t interval: few values, a spread that is not known (Student 1908)."""
    count = len(values)
    mean = statistics.fmean(values)
    if count < 2:
        return Interval(mean, None, None, count)
    deviation = statistics.stdev(values)
    half = compute_student_quantile(count - 1) * deviation / count**0.5
    return Interval(mean, mean - half, mean + half, count, deviation)


def compute_student_quantile(freedom: int) -> float:
    """Half the width of a 95 % interval of Student's t in standard errors, for so many degrees of freedom."""
    from scipy.special import stdtrit  # scipy.stats takes longer to import than a report to write

    return float(stdtrit(freedom, (1 + LEVEL) / 2))


def compute_student_quantiles(most: int) -> list[float]:
    """`compute_student_quantile` for 1 to so many degrees of freedom."""
    return [compute_student_quantile(freedom) for freedom in range(1, most + 1)]


def estimate_paired_difference(differences: Sequence[float]) -> Paired:
    """Mean of paired differences with Student's t interval, and the p-value of the paired t test."""
    interval = estimate_mean(differences)
    if interval.deviation is None:
        return Paired(interval, None)
    if interval.deviation < SAME:
        return Paired(interval, 1.0 if abs(interval.mean) < SAME else 0.0)
    from scipy.special import stdtr

    statistic = interval.mean / (interval.deviation / interval.count**0.5)
    return Paired(interval, 2 * float(stdtr(interval.count - 1, -abs(statistic))))


def compute_mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> McNemar:
    """The exact test of two models that answer the same images (McNemar 1947): a coin toss among the images on which
    they disagree.

    :param first: [N] whether the first model is right.
    :param second: [N] the same of the second.
    """
    from scipy.special import bdtr

    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    disagree = only_first + only_second
    p = min(1.0, 2 * float(bdtr(min(only_first, only_second), disagree, 0.5))) if disagree else 1.0
    return McNemar(len(first), only_first, only_second, p)


def estimate_difference_of_rates(found: McNemar) -> Interval:
    """How much more often the first model is right on the same images, with the adjusted Wald interval of Bonett and
    Price (2012): one more image on either side of the disagreements, so that it keeps its level where these are few.
    """
    total = found.images + 2
    first, second = (found.only_first + 1) / total, (found.only_second + 1) / total
    centre = first - second
    half = NORMAL_QUANTILE * ((first + second - centre**2) / total) ** 0.5
    return Interval(found.difference, max(-1.0, centre - half), min(1.0, centre + half), found.images)


def compute_sign_test(more: int, fewer: int) -> float:
    """The probability that so many of the pairs that differ point this way or more of them, by a fair coin: the exact
    one-sided sign test."""
    return compute_binomial_tail(more, more + fewer, 0.5)


def compute_binomial_tail(count: int, total: int, share: float) -> float:
    """The probability of so many or more successes among `total`, each as likely as `share`."""
    from scipy.special import bdtrc

    return 1.0 if count <= 0 else float(bdtrc(count - 1, total, share))


def correct_p_values(found: Sequence[float | None]) -> list[float | None]:
    """P-values after the correction of Holm (1979): the probability that any of the differences which are then called
    real is noise is at most the level. Nulls stay null and do not count.
    """
    known = sorted((p, place) for place, p in enumerate(found) if p is not None)
    adjusted: list[float | None] = [None] * len(found)
    largest = 0.0
    for rank, (p, place) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        adjusted[place] = largest
    return adjusted
