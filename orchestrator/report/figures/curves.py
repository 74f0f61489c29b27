"""Security curves: robust accuracy over the budget, down to chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.report.curves import Curve, families, security_curves
from orchestrator.report.figures.style import FAINT, colours, in_percent, legend, new_figure, plain, titled
from orchestrator.report.grouping import grouping
from orchestrator.report.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PANELS = 6


def security_figure(study: Study) -> Figure | None:
    """A panel for each attack that was run at several budgets; a line for each configuration, or for each group."""
    found = families(study)[:MOST_PANELS]
    if not found:
        return None
    figure, panels = new_figure(5.2 + 4.2 * (len(found) - 1) + 1.6, 3.8, 1, len(found))
    colour, shape = grouping(study)
    colour_of = colours(colour.levels)
    dashes = dict(zip(shape.levels, ("-", (0, (4, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2))) * 4, strict=False))
    for panel, family in zip(panels, found, strict=True):
        for curve in security_curves(study, family):
            line = panel.plot(curve.eps, curve.mean, color=colour_of[curve.colour], linestyle=dashes[curve.shape])
            line[0].set(linewidth=1.5, marker="o", markersize=3)
            if curve.seeds > 1:
                panel.fill_between(curve.eps, curve.low, curve.high, color=colour_of[curve.colour], alpha=0.1, lw=0)
        _chance(panel, study, security_curves(study, family))
        titled(panel, f"{study.dataset}: {family.label}", family.unit, "robust accuracy")
    last = panels[-1]
    hues = [last.plot([], [], color=colour_of[level], lw=2, label=plain(level))[0] for level in colour.levels]
    legend(figure, colour.title, hues)
    if len(shape.levels) > 1:
        forms = [
            last.plot([], [], color=FAINT, linestyle=dashes[level], label=plain(level))[0] for level in shape.levels
        ]
        legend(figure, shape.title, forms, low=True)
    return figure


def _chance(panel: Axes, study: Study, curves: list[Curve]) -> None:
    panel.axhline(study.chance, color=FAINT, linewidth=0.9, linestyle=(0, (2, 2)))
    end = max(max(curve.eps) for curve in curves)
    panel.annotate(
        "chance", (end, study.chance), xytext=(0, 3), textcoords="offset points", fontsize=7, color=FAINT, ha="right"
    )
    panel.set_ylim(-0.02, 1.02)
    in_percent(panel.yaxis)
