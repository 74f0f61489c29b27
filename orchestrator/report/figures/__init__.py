"""Figures for papers: SVG, PDF and PNG, drawn by matplotlib."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.report.arrange import studies
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
    from orchestrator.report.figures.axes import axes_figure
    from orchestrator.report.figures.curves import security_figure
    from orchestrator.report.figures.heatmap import heat_map_figure
    from orchestrator.report.figures.tradeoff import tradeoff_figure

    drawn: dict[str, Draw] = {
        "tradeoff": tradeoff_figure,
        "security_curves": security_figure,
        "heat_map": heat_map_figure,
        "axes": axes_figure,
    }
    found = studies(rows)
    written: list[Path] = []
    for study in found:
        suffix = f"-{file_name(study.dataset)}" if len(found) > 1 else ""
        for name, draw in drawn.items():
            figure = draw(study)
            if figure is not None:
                written += save(figure, folder, f"{name}{suffix}", formats)
    return written


def save(figure: Figure, folder: Path, name: str, formats: Sequence[str]) -> list[Path]:
    """Write one figure in each format."""
    from orchestrator.report.figures.style import saved

    folder.mkdir(parents=True, exist_ok=True)
    return [saved(figure, folder / f"{name}.{form}") for form in formats]


def file_name(text: str) -> str:
    """The text as a part of a file name."""
    return re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-")[:40] or "data"
