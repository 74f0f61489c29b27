"""Which figures a study has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from orchestrator.report.analysis.findings import StudyFindings
from orchestrator.report.analysis.studies import group_studies
from orchestrator.report.analysis.study import Study
from orchestrator.report.analysis.tables import StudyTables, build_study_tables
from orchestrator.report.figures.axes import draw_axes
from orchestrator.report.figures.confidence import draw_confidence
from orchestrator.report.figures.confusion_matrices import draw_confusion_matrices
from orchestrator.report.figures.figure import Figure
from orchestrator.report.figures.files import write_figures
from orchestrator.report.figures.heat_map import draw_heat_map
from orchestrator.report.figures.images import draw_images
from orchestrator.report.figures.security_curves import draw_security_curves
from orchestrator.report.figures.tradeoff import draw_tradeoff
from orchestrator.report.figures.training_curves import draw_training_curves
from tasks.trial.row import Row


def draw_study(found: StudyFindings) -> list[Figure]:
    """Every figure of a study that there is something to draw for."""
    study = found.study
    return _draw_rows(study, found.tables) + _keep_drawn(
        draw_training_curves(study, found.training),
        draw_confusion_matrices(study, found.images, found.classes),
        draw_confidence(study, found.images),
        draw_images(study, found.gallery, found.classes),
    )


def _draw_rows(study: Study, tables: StudyTables) -> list[Figure]:
    """The figures that take nothing but the rows of trials."""
    return _keep_drawn(
        draw_tradeoff(study, tables),
        draw_axes(study, tables),
        draw_security_curves(study, tables),
        draw_heat_map(study, tables),
    )


def _keep_drawn(*figures: Figure | None) -> list[Figure]:
    return [figure for figure in figures if figure]


def write_row_figures(rows: Sequence[Row], folder: Path, formats: Sequence[str] = ("png",)) -> list[Path]:
    """Draw what the rows of trials alone permit: trade-off, axes, security curves, heat map.

    :param rows: of `schema.TRIALS`; only finished ones count.
    :param folder: made where it is missing.
    :returns: the files written, none where there is nothing to draw; several data sets get files of their own.
    """
    studies = group_studies(rows)
    return [
        path
        for study in studies
        for path in write_figures(
            _draw_rows(study, build_study_tables(study)), folder, formats, make_suffix(study, len(studies))
        )
    ]


def make_suffix(study: Study, studies: int) -> str:
    """What the names of a study's files end in: its data set where there are several."""
    name = re.sub(r"[^a-z0-9_]+", "-", study.dataset.lower()).strip("-")[:40] or "data"
    return f"-{name}" if studies > 1 else ""
