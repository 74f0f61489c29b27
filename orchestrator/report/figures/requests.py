"""Figures that a space names, and those that `report --figure` asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from orchestrator.report.analysis.doubts import describe_doubts_of_figure
from orchestrator.report.analysis.findings import StudyFindings, analyse_selection
from orchestrator.report.analysis.image_results import ImageRecords
from orchestrator.report.analysis.report_data import ReportData, SweepFacts
from orchestrator.report.figures.collection import NEEDS, draw_figure, make_suffix
from orchestrator.report.figures.figure import Figure
from orchestrator.space.figures import FigureRequest, find_figure
from tasks.errors import UsageError

ONE_BY_ONE = ("heat_map", "confusion_matrices", "confidence", "images")
"""Kinds that show each model by itself."""
LONGEST = 120
"""Letters of the name of a file."""


@dataclass(frozen=True)
class Requested:
    """A figure that somebody asked for."""

    name: str
    title: str
    figures: tuple[Figure, ...]
    """One for each data set; none where there is nothing to draw yet."""
    notes: tuple[str, ...]
    """What a reader should know: why nothing is drawn, or not all."""
    doubts: str = ""
    """What the checks say of the robust accuracies that are drawn."""


def ask_for_figure(data: ReportData, wanted: str, where: Mapping[str, Any]) -> tuple[str, FigureRequest]:
    """The figure that is meant, and what its files are called.

    :param wanted: a figure that one of the spaces names, or a kind, or the beginning of one of them.
    :param where: narrows what it draws; a key replaces that of the space.
    :raises UsageError: no figure, or several, are called so.
    """
    named = {name: request for facts in reversed(data.sweeps) for name, request in facts.figures.items()}
    try:
        name, request = find_figure(named, wanted)
    except KeyError as error:
        raise UsageError(f"--figure {wanted}: {error.args[0]}") from error
    chosen = "-".join(f"{key}-{'null' if value is None else value}" for key, value in where.items())
    slug = re.sub(r"[^a-z0-9_.]+", "-", chosen.lower()).strip("-.")
    return "-".join(filter(None, [name, slug]))[:LONGEST], request.model_copy(
        update={"where": {**request.where, **where}}
    )


def draw_asked(
    name: str, request: FigureRequest, data: ReportData, records: ImageRecords, data_dir: Path | None
) -> Requested:
    """A figure of the command line.

    :param name: of the files.
    :raises UsageError: no finished trial is selected, or there is nothing to draw.
    """
    drawn = _draw(name, request, analyse_selection(request, "--where", data.rows, data, records, data_dir))
    if not drawn.figures:
        raise UsageError(f"--figure {name}: {drawn.notes[-1]}")
    return drawn


def draw_named(facts: SweepFacts, data: ReportData, records: ImageRecords, data_dir: Path | None) -> list[Requested]:
    """The figures that the space of a sweep names, over the trials of this sweep; one that cannot be drawn says why."""
    rows = [row for row in data.rows if facts.label in data.sweeps_of[row["attack_key"]]]
    suffix = "" if len(data.sweeps) == 1 else "-" + re.sub(r"[^a-z0-9_-]+", "-", facts.label.lower())
    found = []
    for name, request in facts.figures.items():
        try:
            selected = analyse_selection(request, "where", rows, data, records, data_dir)
        except UsageError as error:
            found.append(Requested(name + suffix, request.title or name, (), (f"Not drawn: {error}.",)))
            continue
        found.append(_draw(name + suffix, request, selected))
    return found


def _draw(name: str, request: FigureRequest, found: Sequence[StudyFindings]) -> Requested:
    figures, notes, doubts = [], [], []
    for one in found:
        drawn = draw_figure(request, one)
        notes += _describe_gaps(request, one)
        if drawn is None:
            notes.append(f"Nothing to draw: {request.kind} takes {NEEDS[request.kind]}.")
        else:
            title = request.title or drawn.title
            figures.append(replace(drawn, name=name + make_suffix(one.study.dataset, len(found)), title=title))
            doubts.append(describe_doubts_of_figure(one.study, request.kind, one.entries, request.rates))
    title = request.title or (figures[0].title if figures else name)
    return Requested(name, title, tuple(figures), tuple(notes), " ".join(filter(None, doubts)))


def _describe_gaps(request: FigureRequest, found: StudyFindings) -> list[str]:
    """What a figure of models one by one leaves out."""
    if request.kind not in ONE_BY_ONE:
        return []
    notes = [found.gallery.note] if request.kind == "images" and found.gallery.note else []
    models = len(found.study.configurations)
    if request.kind == "heat_map" and len(found.models) < models:
        notes.append(f"Shows {len(found.models)} of the {models} models that are selected.")
    attacked = sum(entry.threat is not found.study.worst for entry in found.study.measured.values())
    if request.kind != "heat_map" and len(found.entries) < attacked:
        notes.append(f"Shows {len(found.entries)} of the {attacked} models under attack that are selected.")
    return notes
