"""Which figures a study has, and those that somebody asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from orchestrator.report.analysis.findings import StudyFindings
from orchestrator.report.analysis.selected_configurations import select_configurations
from orchestrator.report.analysis.studies import group_studies
from orchestrator.report.analysis.study import Study
from orchestrator.report.analysis.tables import StudyTables, build_study_tables
from orchestrator.report.analysis.training_table import list_epochs
from orchestrator.report.figures.axes import draw_axes
from orchestrator.report.figures.budget_bars import draw_budget_bars
from orchestrator.report.figures.certified_band import draw_certified_band
from orchestrator.report.figures.confidence import draw_confidence
from orchestrator.report.figures.confusion_matrices import draw_confusion_matrices
from orchestrator.report.figures.figure import Figure
from orchestrator.report.figures.files import write_figures
from orchestrator.report.figures.heat_map import draw_heat_map
from orchestrator.report.figures.images import draw_images
from orchestrator.report.figures.security_curves import draw_security_curves
from orchestrator.report.figures.tradeoff import draw_tradeoff
from orchestrator.report.figures.training_curves import draw_training_curves
from orchestrator.report.figures.training_table import draw_training_table
from orchestrator.space.figures import FigureKind, FigureRequest
from tasks.trial.row import Row

STANDARD: tuple[FigureKind, ...] = (
    "tradeoff", "axes", "security_curves", "certified_band", "heat_map", "training_curves", "confusion_matrices",
    "confidence", "images",
)  # fmt: skip
"""What every report draws, where there is something to draw."""
NEEDS: dict[FigureKind, str] = {
    "tradeoff": "a finished trial",
    "axes": "a setting of the training that varies",
    "security_curves": "an attack at several budgets",
    "certified_band": "a certificate of a model that was attacked too",
    "budget_bars": "an attack with a budget",
    "heat_map": "an attack at several budgets and several iterations",
    "training_curves": "epochs of these stages",
    "training_table": "epochs of these stages",
    "confusion_matrices": "what the storage keeps of each attacked image",
    "confidence": "what the storage keeps of each attacked image",
    "images": "images under attack that the storage keeps",
}
"""What a kind of figure takes."""


def draw_study(found: StudyFindings) -> list[Figure]:
    """Every figure of a study that there is something to draw for."""
    return _keep_drawn(*(draw_figure(FigureRequest(kind=kind), found) for kind in STANDARD))


def draw_figure(request: FigureRequest, found: StudyFindings) -> Figure | None:
    """One figure of what was found; null where there is nothing to draw."""
    study, tables = found.study, found.tables
    match request.kind:
        case "tradeoff":
            return draw_tradeoff(study, tables)
        case "axes":
            return draw_axes(study, tables)
        case "security_curves":
            return draw_security_curves(study, tables, request.rates)
        case "certified_band":
            return draw_certified_band(study)
        case "budget_bars":
            return draw_budget_bars(study, tables, request.rates)
        case "heat_map":
            return draw_heat_map(study, tables, found.models, request.rates)
        case "training_curves":
            return draw_training_curves(study, found.training, request.stages)
        case "training_table":
            epochs = list_epochs(study, found.data.history, found.data.numbers, request.stages)
            return draw_training_table(study, epochs, request.stages)
        case "confusion_matrices":
            return draw_confusion_matrices(study, found.images, found.classes)
        case "confidence":
            return draw_confidence(study, found.images)
        case "images":
            return draw_images(study, found.gallery, found.classes)


def _keep_drawn(*figures: Figure | None) -> list[Figure]:
    return [figure for figure in figures if figure]


def _draw_rows(study: Study, tables: StudyTables) -> list[Figure]:
    """The figures that take nothing but the rows of trials."""
    return _keep_drawn(
        draw_tradeoff(study, tables),
        draw_axes(study, tables),
        draw_security_curves(study, tables),
        draw_heat_map(study, tables, select_configurations(study)),
    )


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
            _draw_rows(study, build_study_tables(study)), folder, formats, make_suffix(study.dataset, len(studies))
        )
    ]


def make_suffix(dataset: str, studies: int) -> str:
    """What the names of a study's files end in: its data set where there are several."""
    name = re.sub(r"[^a-z0-9_]+", "-", dataset.lower()).strip("-")[:40] or "data"
    return f"-{name}" if studies > 1 else ""
