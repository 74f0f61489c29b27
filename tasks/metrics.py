"""Counts become rates here, and rates get their intervals."""

from __future__ import annotations

from math import sqrt

Z = 1.959963984540054
"""The 97.5 % quantile of the normal distribution: intervals are at 95 %."""


def compute_rate(count: int, total: int) -> float | None:
    """count / total; null where there is nothing to divide by."""
    return count / total if total else None


def compute_wilson(count: int, total: int, z: float = Z) -> tuple[float | None, float | None]:
    """The Wilson score interval of a rate (Wilson 1927); nulls where there is nothing to divide by."""
    return _compute_wilson(count, total, z) if total else (None, None)


def _compute_wilson(count: int, total: int, z: float = Z) -> tuple[float, float]:
    share = count / total
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    low = 0.0 if count == 0 else max(0.0, middle - half)
    high = 1.0 if count == total else min(1.0, middle + half)
    return low, high


def compute_difference_interval(count: int, total: int, other: int, other_total: int) -> tuple[float, float]:
    """95 % interval of count / total - other / other_total, both of some images (Newcombe 1998, method 10)."""
    first, second = count / total, other / other_total
    (low, high), (other_low, other_high) = _compute_wilson(count, total), _compute_wilson(other, other_total)
    middle = first - second
    return (
        middle - sqrt((first - low) ** 2 + (other_high - second) ** 2),
        middle + sqrt((high - first) ** 2 + (second - other_low) ** 2),
    )
