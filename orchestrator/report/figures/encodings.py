"""The parts that figures have in common: rates, colours, shapes, tooltips, budgets."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from orchestrator.report.analysis.groups import Groups
from orchestrator.report.analysis.study import Study
from orchestrator.report.figures.figure import Spec
from orchestrator.results.tradeoff import format_setting

PALETTE = (
    "#4269d0", "#e8833a", "#3ca951", "#c2185b", "#8e6bd0", "#2aa5b8", "#9c6b4e", "#d4a017", "#6b7280", "#ff725c",
)  # fmt: skip
"""Told apart by most eyes, on white and on black."""
SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "triangle-right")
DASHES = ([1, 0], [6, 3], [2, 2], [8, 2, 2, 2], [4, 4], [1, 3], [10, 4])
PERCENT = "~%"
TITLE_LINE = 38
"""Letters of a line of a legend's title."""
INK = {"expr": "ink"}
"""The colour of text; the page sets it for light and dark."""
WHOLE = {"domain": [0, 1]}
"""The scale of a rate from nothing to all."""
MOST_TICKS = 9
"""More budgets than these are not all named on an axis."""


def encode_rate(field: str, title: str | None, **more: Any) -> Spec:
    """A rate in per cent along an axis."""
    return {"field": field, "type": "quantitative", "title": title, "axis": {"format": PERCENT, "tickCount": 6}, **more}


def encode_colour(groups: Groups) -> Spec:
    """The field `g` by colour."""
    return _encode_levels("g", groups.title, groups.levels, PALETTE)


def encode_shape(groups: Groups) -> Spec:
    """The field `s` by the shape of a point."""
    return _encode_levels("s", groups.title, groups.levels, SHAPES)


def encode_dash(groups: Groups) -> Spec:
    """The field `s` by the dashes of a line."""
    return _encode_levels("s", groups.title, groups.levels, DASHES)


def _encode_levels(field: str, title: str, levels: Sequence[str], looks: Sequence[Any]) -> Spec:
    """Each level has a look of its own, from the first one again where they end; a single level needs no legend."""
    scale = {"domain": list(levels), "range": [looks[place % len(looks)] for place in range(len(levels))]}
    legend = {"title": wrap_title(title)} if len(levels) > 1 else None
    return {"field": field, "type": "nominal", "scale": scale, "legend": legend}


def wrap_title(title: str) -> str | list[str]:
    """The title of a legend, on as many lines as it takes: what is longer than the legend is wide would be cut."""
    lines = textwrap.wrap(title, TITLE_LINE)
    return lines if len(lines) > 1 else title


def encode_measures(field: str, names: Sequence[str]) -> Spec:
    """A few named measures by colour."""
    return {"field": field, "type": "nominal", "scale": {"domain": list(names), "range": list(PALETTE[: len(names)])},
            "legend": {"title": None}}  # fmt: skip


def describe(field: str, title: str, form: str | None = None) -> Spec:
    """A line of a tooltip."""
    return {"field": field, "title": title, **({"type": "quantitative", "format": form} if form else {})}


def describe_settings(study: Study) -> list[Spec]:
    """A line of a tooltip for each axis of the training."""
    return [describe(f"a{place}", axis.label) for place, axis in enumerate(study.training_axes)]


def label_budgets(budgets: Sequence[float]) -> Spec:
    """The axis of a budget with a tick for each, in 255ths where that is how they are written."""
    if len(budgets) > MOST_TICKS:
        whole = all(format_setting("attack_eps", eps).endswith("/255") for eps in budgets if eps)
        return {"labelExpr": "round(255 * datum.value) + '/255'"} if whole else {}
    names = " : ".join(f"abs(datum.value - {eps!r}) < 1e-9 ? '{format_setting('attack_eps', eps)}'" for eps in budgets)
    return {"values": list(budgets), "labelExpr": f"{names} : ''", "labelOverlap": True}
