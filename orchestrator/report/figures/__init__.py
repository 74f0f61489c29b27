"""Figures for papers: SVG, PDF and PNG, drawn by matplotlib."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.report.arrange import group_studies
from orchestrator.report.study import Study
from tasks.trial.row import Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("svg", "pdf", "png")
Draw = Callable[[Study], "Figure | None"]


def write_figures(rows: Sequence[Row], folder: Path, formats: Sequence[str] = ("png",)) -> list[Path]:
    """Draw what the rows of trials alone permit: trade-off, security curves, heat map, axes.

    :param rows: of `schema.TRIALS`; only finished ones count.
    :param folder: made where it is missing.
    :returns: the files written, none where there is nothing to draw; several data sets get files of their own.
    """
    from orchestrator.report.figures.axes import draw_axes
    from orchestrator.report.figures.curves import draw_security_curves
    from orchestrator.report.figures.heatmap import draw_heat_map
    from orchestrator.report.figures.tradeoff import draw_tradeoff

    drawn: dict[str, Draw] = {
        "tradeoff": draw_tradeoff,
        "security_curves": draw_security_curves,
        "heat_map": draw_heat_map,
        "axes": draw_axes,
    }
    found = group_studies(rows)
    written: list[Path] = []
    for study in found:
        suffix = f"-{make_file_name(study.dataset)}" if len(found) > 1 else ""
        for name, draw in drawn.items():
            figure = draw(study)
            if figure is not None:
                written += save(figure, folder, f"{name}{suffix}", formats)
    return written


def save(figure: Figure, folder: Path, name: str, formats: Sequence[str]) -> list[Path]:
    """Write one figure in each format."""
    from orchestrator.report.figures.style import save_figure

    folder.mkdir(parents=True, exist_ok=True)
    return [save_figure(figure, folder / f"{name}.{form}") for form in formats]


def make_file_name(text: str) -> str:
    """The text as a part of a file name."""
    return re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-")[:40] or "data"
