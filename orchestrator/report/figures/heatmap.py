"""Robust accuracy over budget and iterations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.report.curves import Family, compute_heat_map, list_families
from orchestrator.report.figures.style import INK, escape_text, make_figure, set_heading, set_titles, wrap_text
from orchestrator.report.spotlight import select_configurations
from orchestrator.report.study import Configuration, Study
from orchestrator.results.tradeoff import format_setting

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PANELS = 3


def draw_heat_map(study: Study) -> Figure | None:
    """A panel for each configuration of the spotlight; null where iterations or budgets do not vary."""
    family = next((f for f in list_families(study) if len(f.budgets) > 1 and len(f.steps) > 1), None)
    if family is None:
        return None
    chosen = select_configurations(study)[:MOST_PANELS]
    height = 1.5 + 0.42 * len(family.budgets)
    figure, panels = make_figure(0.8 + 3.1 * len(chosen), max(2.7, height), 1, len(chosen))
    for panel, configuration in zip(panels, chosen, strict=True):
        _draw_panel(panel, study, family, configuration)
    attack = family.label.split(",")[0]
    set_heading(figure, escape_text(f"Robust accuracy, {study.dataset}, {attack}: budget by iterations", 90))
    return figure


def _draw_panel(panel: Axes, study: Study, family: Family, configuration: Configuration) -> None:
    cells = compute_heat_map(study, family, [configuration.key])
    budgets, steps = family.budgets, family.steps
    grid = [[cells.get((eps, count), float("nan")) for count in steps] for eps in budgets]
    panel.imshow(grid, cmap="viridis", vmin=0, vmax=1, aspect="auto", origin="lower")
    panel.grid(visible=False)
    panel.set_xticks(range(len(steps)), [str(count) for count in steps])
    panel.set_yticks(range(len(budgets)), [format_setting("attack_eps", eps) for eps in budgets])
    small = 7.5 if len(budgets) * len(steps) <= 60 else 5
    for y, line in enumerate(grid):
        for x, value in enumerate(line):
            if value == value:
                colour = "white" if value < 0.55 else "black"
                panel.text(x, y, f"{100 * value:.0f}", ha="center", va="center", fontsize=small, color=colour)
    set_titles(panel, "", "iterations", "eps")
    panel.set_title(wrap_text(configuration.label), fontsize=8, color=INK, loc="left")
