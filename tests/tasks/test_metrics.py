"""Intervals of rates and of their differences against published values and scipy."""

from __future__ import annotations

import pytest

from tasks.metrics import compute_difference_interval, compute_wilson


def test_the_interval_of_a_difference_is_the_published_one() -> None:
    low, high = compute_difference_interval(56, 70, 48, 80)  # Newcombe (1998), table II, case (a), method 10
    assert low == pytest.approx(0.0524, abs=1e-4)
    assert high == pytest.approx(0.3339, abs=1e-4)


@pytest.mark.slow
def test_wilson_against_scipy() -> None:
    from scipy.stats import binomtest

    for count, total in ((0, 50), (1, 50), (25, 50), (50, 50), (997, 1000)):
        found = binomtest(count, total).proportion_ci(method="wilson")
        assert compute_wilson(count, total) == pytest.approx((found.low, found.high), abs=1e-9)
