"""Parts of the page that are more than text."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.report.analysis.effects import Effect
from orchestrator.report.page.html_parts import draw_effect_bar, format_interval, group_effects
from orchestrator.results.statistics import Interval, Paired


def make_effect(mean: float, low: float | None, high: float | None, **more: object) -> Effect:
    kind = {"measure": "clean accuracy", "of_attack": False, "adjusted": 0.01, **more}
    return Effect("lambda", "none", "0.5", paired=Paired(Interval(mean, low, high, 3), 0.01), **kind)  # type: ignore[arg-type]


def test_a_loss_goes_to_the_left_and_a_gain_to_the_right() -> None:
    def centre(effect: Effect) -> float:
        found = re.search(r'cx="([\d.]+)"', draw_effect_bar(effect, 0.5))
        assert found is not None
        return float(found[1])

    assert centre(make_effect(-0.25, -0.5, 0.0)) == 45
    assert centre(make_effect(0.5, 0.4, 0.6)) == 165
    line = re.search(
        r'class="range [^>]*x1="([\d.]+)" x2="([\d.]+)"', draw_effect_bar(make_effect(0.1, -0.25, 0.5), 0.5)
    )
    assert line is not None
    assert (line[1], line[2]) == ("45.0", "165.0")


def test_effects_stand_by_what_they_change() -> None:
    found = [
        make_effect(0.1, 0.0, 0.2, measure="robust accuracy"),
        make_effect(-0.3, -0.4, -0.2),
        make_effect(0.2, 0.1, 0.3, measure="robust accuracy", of_attack=True),
    ]
    groups = group_effects(found)
    assert [(group["title"].split(":")[0], group["effects"]) for group in groups] == [
        ("clean accuracy", [found[1]]), ("robust accuracy", [found[0]]), ("settings of the attack", [found[2]])
    ]  # fmt: skip
    assert groups[0]["widest"] == 0.4


@pytest.mark.parametrize(
    ("intervals", "widest"),
    [
        ([(0.1, -0.3, 0.2)], 0.3),
        ([(-0.5, None, None), (0.1, 0.0, 0.2)], 0.5),
        ([(0.2, -1.8, 2.2)], 1.0),
        ([(0.0, 0.0, 0.0)], 1.0),
    ],
)
def test_the_bars_of_a_table_share_a_scale(intervals: list[tuple[float, Any, Any]], widest: float) -> None:
    found = [make_effect(*interval) for interval in intervals]
    unpaired = replace(found[0], paired=None)
    (group,) = group_effects([*found, unpaired])
    assert (group["widest"], len(group["effects"])) == (widest, len(intervals) + 1)
    assert group_effects([unpaired])[0]["widest"] == 1.0
    assert draw_effect_bar(unpaired, 1.0) == ""


def test_a_bar_ends_where_its_scale_ends_and_says_what_is_noise() -> None:
    bar = draw_effect_bar(make_effect(0.4, -0.9, None), 0.2)
    assert 'cx="165.0"' in bar
    assert "range" not in bar, "half an interval is none"
    assert '<circle class="" ' in bar
    noise = draw_effect_bar(make_effect(-0.1, -0.9, 0.05, adjusted=0.2), 0.2)
    assert '<line class="range noise" x1="5.0" x2="105.0"' in noise
    assert '<circle class="noise" cx="45.0"' in noise


def test_an_interval_stands_in_brackets_where_there_is_one() -> None:
    assert format_interval(Interval(0.5, 0.25, 0.75, 9)) == "50.0 % (25.0 to 75.0)"
    assert format_interval(Interval(0.5, None, None, 1)) == "50.0 %"
    assert format_interval(Interval(0.5, 0.25, None, 1)) == "50.0 %"
