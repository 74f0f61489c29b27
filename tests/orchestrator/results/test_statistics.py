"""Intervals and tests against closed forms and known values."""

from __future__ import annotations

import numpy as np
import pytest

from orchestrator.results.statistics import (
    McNemar,
    compute_mcnemar,
    compute_sign_test,
    correct_p_values,
    estimate_difference_of_rates,
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


@pytest.mark.slow
def test_the_interval_of_a_difference_keeps_its_level_where_few_images_disagree() -> None:
    """Its coverage is computed, not drawn: over every outcome of 100 images with its probability."""
    import scipy.stats

    images = 100
    for first, second in ((0.02, 0.005), (0.03, 1e-12), (0.05, 0.05), (0.1, 0.02), (0.5, 0.05)):
        outcomes = [(one, two) for one in range(images + 1) for two in range(images + 1 - one)]
        weights = scipy.stats.multinomial(images, [first, second, 1 - first - second]).pmf(
            [(one, two, images - one - two) for one, two in outcomes]
        )
        found = [estimate_difference_of_rates(McNemar(images, one, two, 1.0)) for one, two in outcomes]
        covering = [(each.low or 0) <= first - second <= (each.high or 0) for each in found]
        assert float(weights[np.array(covering)].sum()) > 0.9499


def test_the_interval_of_a_difference_is_that_of_its_authors() -> None:
    """Bonett and Price 2012: of 161 images, 40 only the one, 20 only the other."""
    found = estimate_difference_of_rates(McNemar(161, 40, 20, 0.01))
    first, second = 41 / 163, 21 / 163
    half = 1.959964 * ((first + second - (first - second) ** 2) / 163) ** 0.5
    assert (found.low, found.high) == pytest.approx((first - second - half, first - second + half), abs=1e-6)
    assert found.mean == pytest.approx(20 / 161)
    alike = estimate_difference_of_rates(McNemar(3, 0, 0, 1.0))
    assert alike.mean == 0.0
    assert alike.low == pytest.approx(-(alike.high or 0))
    assert (alike.high or 0) < 1


def test_intervals_over_a_few_seeds_keep_their_level() -> None:
    """Student's t of three to five normal values; resampling five covers 83 % where 95 % is meant."""
    draw = np.random.default_rng(0)
    for seeds in (3, 5):
        found = [estimate_mean(sample.tolist()) for sample in draw.normal(0.7, 0.05, (2000, seeds))]
        covering = [(each.low or 0) <= 0.7 <= (each.high or 0) for each in found]
        assert sum(covering) / 2000 == pytest.approx(0.95, abs=0.015)


def test_many_comparisons_are_corrected_and_gaps_do_not_count() -> None:
    found = correct_p_values([0.01, None, 0.04, 0.03, 0.005])
    assert found[1] is None
    assert [p for p in found if p is not None] == pytest.approx([0.03, 0.06, 0.06, 0.02])  # Holm by hand
    assert correct_p_values([None]) == [None]


@pytest.mark.slow
def test_p_values_are_those_of_scipy() -> None:
    """The formulas that stand here in place of `scipy.stats`, which takes a second to import."""
    import scipy.stats

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
