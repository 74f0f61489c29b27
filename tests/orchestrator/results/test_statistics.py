"""Intervals and tests against closed forms and known values."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from orchestrator.results.statistics import (
    bootstrap,
    compute_mcnemar,
    compute_sign_test,
    correct_p_values,
    estimate_mean,
    estimate_paired_difference,
)


def test_the_mean_of_seeds_has_students_interval() -> None:
    found = estimate_mean([0.2, 0.4, 0.6])
    half = 4.302653 * 0.2 / 3**0.5  # t with 2 degrees of freedom
    assert (found.mean, found.low, found.high) == pytest.approx((0.4, 0.4 - half, 0.4 + half), abs=1e-6)
    single = estimate_mean([0.5])
    assert (single.mean, single.low, single.high, single.deviation) == (0.5, None, None, None)


def test_paired_differences() -> None:
    steady = estimate_paired_difference([0.1, 0.11, 0.09, 0.1])
    assert steady.p is not None
    assert steady.p < 0.001
    assert steady.interval.low is not None
    assert steady.interval.low > 0
    noisy = estimate_paired_difference([0.1, -0.12, 0.09, -0.06])
    assert noisy.p is not None
    assert noisy.p > 0.5
    assert estimate_paired_difference([0.3]).p is None, "one pair tells nothing"
    assert estimate_paired_difference([0.0, 0.0]).p == 1.0
    assert estimate_paired_difference([0.1, 0.1 + 1e-17]).p == 0.0


def test_mcnemar_is_a_coin_toss_among_the_images_that_disagree() -> None:
    first = np.array([True] * 90 + [False] * 10)
    second = np.array([True] * 85 + [False] * 15)
    found = compute_mcnemar(first, second)
    assert (found.only_first, found.only_second, found.images) == (5, 0, 100)
    assert found.p == pytest.approx(2 * 0.5**5)
    assert found.difference == pytest.approx(0.05)
    assert compute_mcnemar(first, first).p == 1.0


def test_over_five_seeds_a_bootstrap_would_claim_to_know_more() -> None:
    """Why intervals over seeds are Student's: resampling five values is too sure (docs/statistics.md)."""
    seeds = [0.71, 0.74, 0.69, 0.78, 0.73]
    student, drawn = estimate_mean(seeds), bootstrap(np.array(seeds))
    assert None not in (student.low, student.high, drawn.low, drawn.high)
    assert (student.high or 0) - (student.low or 0) > 1.3 * ((drawn.high or 0) - (drawn.low or 0))


def test_bootstrap_covers_the_mean_and_repeats() -> None:
    sample = np.random.default_rng(0).normal(0.4, 0.1, 400)
    found = bootstrap(sample)
    assert found.low is not None
    assert found.high is not None
    half = 1.96 * sample.std() / 20
    assert (found.low, found.high) == pytest.approx((sample.mean() - half, sample.mean() + half), abs=0.002)
    assert bootstrap(sample) == found
    assert bootstrap(np.ones(5)).low == 1.0
    assert bootstrap(np.array([0.5])).low is None


def test_a_ratio_of_paired_columns_is_resampled_together() -> None:
    clean = np.arange(200) % 4 != 0
    robust = clean & (np.arange(200) % 3 != 0)

    def success_rate(clean: NDArray[np.float64], robust: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
        return np.asarray(1 - robust.sum(axis) / clean.sum(axis))

    found = bootstrap(np.stack([clean, robust], 1).astype(np.float64), success_rate)
    assert found.mean == pytest.approx(1 - robust.sum() / clean.sum())
    assert found.low is not None
    assert found.high is not None
    assert 0.2 < found.low < found.mean < found.high < 0.5


def test_many_comparisons_are_corrected_and_gaps_do_not_count() -> None:
    found = correct_p_values([0.01, None, 0.04, 0.03, 0.005])
    assert found[1] is None
    assert [p for p in found if p is not None] == pytest.approx([0.03, 0.06, 0.06, 0.02])  # Holm by hand
    assert correct_p_values([None]) == [None]


def test_p_values_are_those_of_scipy() -> None:
    """The formulas that stand here in place of `scipy.stats`, which takes a second to import."""
    draw = np.random.default_rng(1)
    for size in (2, 3, 9):
        sample = draw.normal(0.3, 0.5, size).tolist()
        assert estimate_paired_difference(sample).p == pytest.approx(scipy.stats.ttest_1samp(sample, 0.0).pvalue)
    for only_first, only_second in ((0, 1), (3, 3), (2, 9), (17, 4)):
        first = np.array([True] * only_first + [False] * only_second)
        wanted = scipy.stats.binomtest(only_first, only_first + only_second).pvalue
        assert compute_mcnemar(first, ~first).p == pytest.approx(wanted)
    known = draw.uniform(0, 0.2, 12).tolist()
    steps = [min(1.0, (12 - rank) * p) for rank, p in enumerate(sorted(known))]
    assert correct_p_values(known) == pytest.approx([max(steps[: sorted(known).index(p) + 1]) for p in known])
    assert compute_sign_test(9, 2) == pytest.approx(scipy.stats.binomtest(9, 11, alternative="greater").pvalue)
    assert correct_p_values([]) == []
