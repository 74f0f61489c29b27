"""Rates, differences and probabilities as a report writes them."""

from __future__ import annotations


def format_rate(value: float) -> str:
    """A rate in per cent."""
    return f"{100 * value:.1f} %"


def format_points(value: float) -> str:
    """A difference of rates."""
    return f"{100 * value:.1f} points"


def format_signed(value: float, unit: str = " points") -> str:
    """A difference of rates with its sign."""
    return f"{100 * value:+.1f}{unit}".replace("-", "\N{MINUS SIGN}")


def format_p_value(value: float | None) -> str:
    """A probability for people."""
    if value is None:
        return "-"
    return "< 0.001" if value < 0.001 else f"= {value:.3f}" if value < 0.1 else f"= {value:.2f}"


def format_range(low: float | None, high: float | None) -> str:
    """A 95 % interval of a difference of rates."""
    return (
        "no interval"
        if low is None or high is None
        else f"95 % interval {format_signed(low, '')} to {format_signed(high)}"
    )
