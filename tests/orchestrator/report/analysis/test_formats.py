"""Numbers as a report writes them."""

from __future__ import annotations

import pytest

from orchestrator.report.analysis.formats import (
    format_p_value,
    format_points,
    format_range,
    format_rate,
    format_signed,
)


def test_rates_and_differences() -> None:
    assert (format_rate(0.1234), format_points(0.0561)) == ("12.3 %", "5.6 points")
    assert [format_signed(value) for value in (0.0561, -0.0561, 0.0)] == [
        "+5.6 points",
        "\N{MINUS SIGN}5.6 points",
        "+0.0 points",
    ]
    assert format_signed(-0.5, " %") == "\N{MINUS SIGN}50.0 %"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0.0009, "< 0.001"), (0.001, "= 0.001"), (0.0994, "= 0.099"), (0.1, "= 0.10"), (1.0, "= 1.00")],
)
def test_probabilities(value: float | None, text: str) -> None:
    assert format_p_value(value) == text


def test_intervals() -> None:
    assert format_range(-0.021, 0.043) == "95 % interval \N{MINUS SIGN}2.1 to +4.3 points"
    assert format_range(None, 0.1) == format_range(0.1, None) == "no interval"
