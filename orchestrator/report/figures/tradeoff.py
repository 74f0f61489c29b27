"""Clean against robust accuracy, with the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.report.figures.style import (
    FAINT,
    INK,
    MARKERS,
    add_legend,
    escape_text,
    format_percent_axis,
    make_figure,
    pick_colours,
    set_titles,
)
from orchestrator.report.grouping import choose_groups
from orchestrator.report.study import Measured, Study, find_pareto_front

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_tradeoff(study: Study) -> Figure | None:
    """Every configuration under the headline attack: mean of its seeds, each seed, and who is on the front."""
    found = study.under(study.headline)
    figure, (panel,) = make_figure(7.2, 4.2)
    groups, shapes = choose_groups(study)
    colour_of = pick_colours(groups.levels)
    marker_of = dict(zip(shapes.levels, MARKERS * (len(shapes.levels) // len(MARKERS) + 1), strict=False))
    _draw_front(panel, found)
    for entry in found:
        colour, marker = colour_of[groups.of(entry)], marker_of[shapes.of(entry)]
        clean, robust = entry.mean
        if len(entry.rows) > 1:
            panel.scatter(entry.clean, entry.robust, s=9, color=colour, alpha=0.35, marker=marker, linewidths=0)
            for x, y in zip(entry.clean, entry.robust, strict=True):
                panel.plot([clean, x], [robust, y], color=colour, alpha=0.25, linewidth=0.8)
        panel.scatter(
            [clean], [robust], s=52, color=colour, marker=marker, edgecolors="white", linewidths=0.8, zorder=4
        )
    known = [panel.scatter([], [], s=40, color=colour_of[level], label=escape_text(level)) for level in groups.levels]
    add_legend(figure, groups.title, known)
    if len(shapes.levels) > 1:
        forms = [
            panel.scatter([], [], s=36, color=FAINT, marker=marker_of[level], label=escape_text(level))
            for level in shapes.levels
        ]
        add_legend(figure, shapes.title, forms, low=True)
    format_percent_axis(panel.xaxis)
    format_percent_axis(panel.yaxis)
    set_titles(
        panel, f"What robustness costs: {study.dataset}, {study.headline.label}", "clean accuracy", "robust accuracy"
    )
    return figure


def _draw_front(panel: Axes, found: Sequence[Measured]) -> None:
    means = [entry.mean for entry in found]
    points = [means[place] for place in find_pareto_front(means)]
    if len(points) > 1:
        xs, ys = zip(*points, strict=True)
        panel.plot(xs, ys, color=INK, linewidth=1.1, linestyle=(0, (4, 2)), zorder=2, alpha=0.7)
        panel.annotate(
            "Pareto front", points[-1], xytext=(0, 9), textcoords="offset points", fontsize=7.5, color=INK, ha="center"
        )
