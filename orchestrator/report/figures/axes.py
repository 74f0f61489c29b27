"""Accuracy over the pruning ratio, lambda, eps_train and every other setting that varies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.report.figures.style import PALETTE, add_legend, format_percent_axis, make_figure, set_titles
from orchestrator.report.levels import Level, choose_axes, measure_levels
from orchestrator.report.study import Axis, Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 3
MEASURES = {"clean": PALETTE[0], "robust": PALETTE[1]}


def draw_axes(study: Study) -> Figure | None:
    """A panel for each setting: clean and robust accuracy, averaged over all others within each seed."""
    axes = choose_axes(study)
    if not axes:
        return None
    columns = min(COLUMNS, len(axes))
    rows = -(-len(axes) // columns)
    figure, panels = make_figure(1.2 + 2.9 * columns, 0.5 + 2.7 * rows, rows, columns)
    for panel, axis in zip(panels, axes, strict=False):
        _draw_panel(panel, axis, measure_levels(study, axis))
    for panel in panels[len(axes) :]:
        panel.set_visible(False)
    add_legend(figure, study.headline.label, panels[0].get_legend_handles_labels()[0])
    return figure


def _draw_panel(panel: Axes, axis: Axis, found: list[Level]) -> None:
    places = range(len(found))
    for measure, colour in MEASURES.items():
        known = [getattr(level, measure) for level in found]
        panel.plot(places, [entry.mean for entry in known], color=colour, marker="o", ms=4, lw=1.6, label=measure)
        bars = [
            (place, entry.low, entry.high) for place, entry in zip(places, known, strict=True) if entry.low is not None
        ]
        for place, low, high in bars:
            panel.plot(
                [place, place],
                [max(0, low), min(1, high)],
                color=colour,
                linewidth=5,
                alpha=0.22,
                solid_capstyle="butt",
            )
    panel.set_xticks(list(places), [axis.shown(level.value)[:18] for level in found])
    if len(found) > 5:
        panel.tick_params(axis="x", rotation=40)
    panel.set_xlim(-0.4, len(found) - 0.6)
    panel.set_ylim(-0.03, 1.03)
    format_percent_axis(panel.yaxis)
    set_titles(panel, axis.label)
