"""Parts of the page that are more than text: the tables of effects and the bars of their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from orchestrator.report.analysis.effects import Effect
from orchestrator.results.statistics import Interval


def group_effects(found: Sequence[Effect]) -> list[Mapping[str, Any]]:
    """The tables of effects: of the training on clean and on robust accuracy, then of the attack."""
    groups = [
        ("clean accuracy: every comparison", [e for e in found if not e.of_attack and e.measure == "clean accuracy"]),
        ("robust accuracy: every comparison", [e for e in found if not e.of_attack and e.measure != "clean accuracy"]),
        ("settings of the attack: every comparison", [e for e in found if e.of_attack]),
    ]
    return [
        {"title": title, "effects": effects, "widest": _find_widest(effects)} for title, effects in groups if effects
    ]


def _find_widest(found: Sequence[Effect]) -> float:
    """The largest difference that a bar has to show."""
    ends = [
        abs(end)
        for effect in found
        if effect.paired
        for end in (effect.paired.interval.low, effect.paired.interval.high, effect.paired.interval.mean)
        if end is not None
    ]
    return min(1.0, max(ends, default=1.0)) or 1.0


def draw_effect_bar(effect: Effect, widest: float) -> Markup:
    """The interval of an effect around zero, as SVG."""
    if not effect.paired:
        return Markup("")
    interval = effect.paired.interval
    kind = "" if effect.verdict == "real" else "noise"

    def scale(value: float) -> str:
        return f"{85 + 80 * max(-1.0, min(1.0, value / widest)):.1f}"

    line = Markup("")
    if interval.low is not None and interval.high is not None:
        line = Markup('<line class="range {}" x1="{}" x2="{}" y1="7" y2="7"/>').format(
            kind, scale(interval.low), scale(interval.high)
        )
    return Markup(
        '<svg class="bar" viewBox="0 0 170 14" role="img"><line class="axis" x1="85" x2="85" y1="0" y2="14"/>{}'
        '<circle class="{}" cx="{}" cy="7" r="4"/></svg>'
    ).format(line, kind, scale(interval.mean))


def format_interval(found: Interval) -> str:
    """A mean rate in per cent with its interval, where it has one."""
    if found.low is None or found.high is None:
        return f"{100 * found.mean:.1f} %"
    return f"{100 * found.mean:.1f} % ({100 * found.low:.1f} to {100 * found.high:.1f})"
