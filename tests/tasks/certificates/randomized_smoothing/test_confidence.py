"""Bounds of a probability: as they are defined, and how often they are wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtri

from tasks.certificates.randomized_smoothing.confidence import (
    bound_above,
    bound_below,
    compute_radius,
    find_largest_radius,
    list_looks,
)

ALPHA, TRUE = 0.05, 0.85
RUNS, SAMPLES = 4000, 6400


def simulate(shares: list[tuple[int, float]]) -> float:
    """How often the lower bound of any look exceeds the true probability, over runs of a coin."""
    draw, before = np.random.default_rng(0), 0
    successes: NDArray[np.int64] = np.zeros(RUNS, np.int64)
    wrong = np.zeros(RUNS, np.bool_)
    for count, alpha in shares:
        successes = successes + draw.binomial(count - before, TRUE, RUNS)
        wrong |= bound_below(successes, count, alpha) > TRUE
        before = count
    return float(wrong.mean())


def test_the_bounds_of_all_looks_hold_together_at_the_level() -> None:
    looks = list(list_looks(SAMPLES, ALPHA, anytime=True))
    spread = 3 * math.sqrt(ALPHA / RUNS)
    assert 0 < simulate(looks) < ALPHA + spread
    assert simulate([(count, ALPHA) for count, _ in looks]) > ALPHA + spread, "as looking often without paying shows"


def test_a_single_look_spends_all() -> None:
    assert list(list_looks(SAMPLES, ALPHA, anytime=False)) == [(SAMPLES, ALPHA)]
    assert ALPHA / 2 < simulate([(SAMPLES, ALPHA)]) < ALPHA + 3 * math.sqrt(ALPHA / RUNS)


@pytest.mark.parametrize(("samples", "counts"), [(400, [50, 100, 200, 400]), (130, [50, 100, 130]), (20, [20])])
def test_looks_double_up_to_the_samples(samples: int, counts: list[int]) -> None:
    looks = list(list_looks(samples, ALPHA, anytime=True))
    assert [count for count, _ in looks] == counts
    assert sum(share for _, share in looks) <= ALPHA


def test_bounds_are_those_of_clopper_and_pearson() -> None:
    """The probability of so many successes or more, at the lower bound, is alpha."""
    successes, total = np.array([0, 1, 7, 10]), 10
    lower, upper = bound_below(successes, total, ALPHA), bound_above(successes, total, ALPHA)
    assert (lower[0], upper[-1]) == (0, 1)
    for count, low, high in zip(successes[1:-1], lower[1:-1], upper[1:-1], strict=True):
        tail = sum(math.comb(total, k) * low**k * (1 - low) ** (total - k) for k in range(count, total + 1))
        head = sum(math.comb(total, k) * high**k * (1 - high) ** (total - k) for k in range(count + 1))
        assert tail == pytest.approx(ALPHA)
        assert head == pytest.approx(ALPHA)
    assert lower[-1] == pytest.approx(ALPHA ** (1 / total))


def test_the_radius_is_zero_up_to_a_half_and_finite_for_certainty() -> None:
    radius = compute_radius(np.array([0.2, 0.5, 0.8413447460685429, 1.0]), 0.5)
    assert radius[:3] == pytest.approx([0, 0, 0.5])
    assert 0.5 < radius[3] < 5


def test_the_largest_radius_is_that_of_samples_that_all_agree() -> None:
    """The lower bound of n successes of n is alpha^(1/n); with several looks the best of them counts."""
    assert find_largest_radius(0.25, 300, 0.001, anytime=False) == pytest.approx(0.25 * ndtri(0.001 ** (1 / 300)))
    assert find_largest_radius(0.25, 9, 0.001, anytime=False) == 0, "0.001^(1/9) is below one half"
    assert find_largest_radius(0.25, 10, 0.001, anytime=False) > 0
    looks = [(0.001 / 6) ** (1 / 100), (0.001 / 12) ** (1 / 101)]
    assert looks[0] > looks[1], "a look soon after another has a smaller share of alpha"
    assert find_largest_radius(0.25, 101, 0.001, anytime=True) == pytest.approx(0.25 * ndtri(looks[0]))
