"""Bounds of a probability from counts: after a fixed number of samples, and at any of a series of looks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtri

FIRST_LOOK = 50
"""Samples before the first look; every later one has twice those of the one before."""


def bound_below(successes: NDArray[np.int64], total: int, alpha: float) -> NDArray[np.float64]:
    """The one-sided lower bound of Clopper and Pearson (1934): too high with probability alpha at most.

    :param successes: of `total` trials each, [N].
    """
    inside = betaincinv(np.maximum(successes, 1), total - successes + 1, alpha)
    return np.where(successes > 0, inside, 0.0)


def bound_above(successes: NDArray[np.int64], total: int, alpha: float) -> NDArray[np.float64]:
    """The one-sided upper bound, too low with probability alpha at most; [N]."""
    return 1.0 - bound_below(total - successes, total, alpha)


def list_looks(samples: int, alpha: float, *, anytime: bool) -> Iterator[tuple[int, float]]:
    """Samples at each look, and the share of alpha that is spent there: the bounds of all looks hold together with
    probability 1 - alpha, so that sampling may stop at any of them.

    Look k of a geometric series spends alpha / (k (k + 1)); the shares of an endless series sum to alpha.
    """
    if not anytime:
        yield samples, alpha
        return
    count, look = min(FIRST_LOOK, samples), 1
    while True:
        yield count, alpha / (look * (look + 1))
        if count == samples:
            return
        count, look = min(2 * count, samples), look + 1


def find_largest_radius(sigma: float, samples: int, alpha: float, *, anytime: bool) -> float:
    """The L2 radius that so many samples certify where all of them agree; 0: they are too few to certify anything."""
    looks = list_looks(samples, alpha, anytime=anytime)
    best = max(float(bound_below(np.array([count]), count, share)[0]) for count, share in looks)
    return float(compute_radius(np.array([best]), sigma)[0])


def compute_radius(probability: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """The L2 radius within which a class of at least this probability under noise stays the likeliest; [N], 0 where it
    is not likelier than all others together (Cohen et al. 2019, theorem 1, with 1 - p for the second class)."""
    known = np.clip(probability, 0.5, 1 - 1e-16)  # a probability of 1 would be an infinite radius
    return np.asarray(sigma * ndtri(known), np.float64)
