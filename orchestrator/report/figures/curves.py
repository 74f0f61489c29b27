"""Security curves: robust accuracy over the budget, down to chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.report.curves import Curve, build_security_curves, list_curve_families
from orchestrator.report.figures.style import (
    FAINT,
    add_legend,
    escape_text,
    format_percent_axis,
    make_figure,
    pick_colours,
    set_titles,
)
from orchestrator.report.grouping import choose_groups
from orchestrator.report.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PANELS = 6


def draw_security_curves(study: Study) -> Figure | None:
    """A panel for each attack that was run at several budgets; a line for each configuration, or for each group."""
    found = list_curve_families(study)[:MOST_PANELS]
    if not found:
        return None
    figure, panels = make_figure(5.2 + 4.2 * (len(found) - 1) + 1.6, 3.8, 1, len(found))
    colour, shape = choose_groups(study)
    colour_of = pick_colours(colour.levels)
    dashes = dict(zip(shape.levels, ("-", (0, (4, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2))) * 4, strict=False))
    for panel, family in zip(panels, found, strict=True):
        for curve in build_security_curves(study, family):
            line = panel.plot(curve.eps, curve.mean, color=colour_of[curve.colour], linestyle=dashes[curve.shape])
            line[0].set(linewidth=1.5, marker="o", markersize=3)
            if curve.seeds > 1:
                panel.fill_between(curve.eps, curve.low, curve.high, color=colour_of[curve.colour], alpha=0.1, lw=0)
        _draw_chance(panel, study, build_security_curves(study, family))
        set_titles(panel, f"{study.dataset}: {family.label}", family.unit, "robust accuracy")
    last = panels[-1]
    hues = [last.plot([], [], color=colour_of[level], lw=2, label=escape_text(level))[0] for level in colour.levels]
    add_legend(figure, colour.title, hues)
    if len(shape.levels) > 1:
        forms = [
            last.plot([], [], color=FAINT, linestyle=dashes[level], label=escape_text(level))[0]
            for level in shape.levels
        ]
        add_legend(figure, shape.title, forms, low=True)
    return figure


def _draw_chance(panel: Axes, study: Study, curves: list[Curve]) -> None:
    panel.axhline(study.chance, color=FAINT, linewidth=0.9, linestyle=(0, (2, 2)))
    end = max(max(curve.eps) for curve in curves)
    panel.annotate(
        "chance", (end, study.chance), xytext=(0, 3), textcoords="offset points", fontsize=7, color=FAINT, ha="right"
    )
    panel.set_ylim(-0.02, 1.02)
    format_percent_axis(panel.yaxis)
