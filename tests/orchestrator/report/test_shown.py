"""What a report says and draws of one finished sweep, to the letter."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from orchestrator.report.analysis.certificate_table import build_certificate_tables
from orchestrator.report.analysis.findings import StudyFindings, analyse_studies
from orchestrator.report.analysis.image_results import ImageRecords
from orchestrator.report.analysis.report_data import ReportData, load_report_data
from orchestrator.report.analysis.tables import StudyTables
from orchestrator.report.figures.collection import draw_figure
from orchestrator.report.figures.figure import Figure
from orchestrator.report.figures.requests import draw_named
from orchestrator.report.page import render
from orchestrator.report.page.payload import build_payload
from orchestrator.space.figures import KINDS, FigureRequest
from orchestrator.store.sweep_store import SweepStore
from tests.support.ample_sweep import list_known_ids
from tests.support.kept import expect_kept


@pytest.fixture(scope="module")
def data(ample: SweepStore) -> ReportData:
    return load_report_data([ample])


@pytest.fixture(scope="module")
def found(data: ReportData) -> StudyFindings:
    (only,) = analyse_studies(data, ImageRecords(data.store), None)
    return only


def make_plain(value: Any) -> Any:
    """What JSON has no word for as it would be read; pictures by their length."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)


def list_lines(content: Any, width: int = 300) -> list[str]:
    """JSON, a line for whatever fits on one, else a line for each part."""
    text = json.dumps(content, default=make_plain, ensure_ascii=False)
    if len(text) <= width or not isinstance(content, (Mapping, list, tuple)) or not content:
        return [shorten(text)]
    if isinstance(content, Mapping):
        parts = [(f"{json.dumps(str(name))}: ", part) for name, part in content.items()]
    elif len(content) > 2 and all(isinstance(part, dict) and part.keys() == content[0].keys() for part in content):
        return ["rows", *list_rows(content)]
    else:
        parts = [("", part) for part in content]
    lines = []
    for name, part in parts:
        first, *rest = list_lines(part, width - 1)
        lines += [f" {name}{first}", *(f" {line}" for line in rest)]
    opened, closed = "{}" if isinstance(content, Mapping) else "[]"
    return [opened, *lines, closed]


def list_rows(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of the columns, and a line for the values of each row."""
    values = ([make_plain(value) if isinstance(value, set) else value for value in row.values()] for row in rows)
    lines = (json.dumps(row, default=make_plain, ensure_ascii=False, separators=(",", ":")) for row in values)
    return [f" {', '.join(rows[0]) if rows else ''}", *(f" {shorten(line)}" for line in lines)]


def shorten(text: str) -> str:
    """Pictures inside of a text are too long to be read."""
    return text if "base64" not in text else f"{text[:60]}... {len(text)} letters"


def describe_figure(figure: Figure, tables: StudyTables) -> list[str]:
    """Everything that says how it looks."""
    lines = [f"{figure.name}: {figure.title}; {figure.columns} columns, {', '.join(figure.shared)}"]
    for panel in figure.panels:
        lines += [f"panel {panel.title!r}, {panel.width}, {json.dumps(panel.params)}", *list_lines(panel.spec)]
    for name, rows in figure.tables.items():
        whole = next((of for of, known in vars(tables).items() if rows == known), None)
        lines += [f"table {name}{f': {whole} of the study' if whole else ''}", *([] if whole else list_rows(rows))]
    return lines


@pytest.mark.parametrize("kind", KINDS)
def test_a_figure_draws_these_rows_in_this_way(kind: Any, found: StudyFindings, ample: SweepStore) -> None:
    figure = draw_figure(FigureRequest(kind=kind), found)
    assert figure is not None
    expect_kept(f"figure_{kind}.txt", "\n".join(describe_figure(figure, found.tables)), list_known_ids(ample))


def test_figures_of_the_space_draw_what_it_selects(found: StudyFindings, data: ReportData, ample: SweepStore) -> None:
    (facts,) = data.sweeps
    asked = draw_named(facts, data, ImageRecords(data.store), None)
    lines = []
    for one in asked:
        lines += [
            f"{one.notes} {one.doubts}",
            *(line for figure in one.figures for line in describe_figure(figure, found.tables)),
        ]
    expect_kept("figures_of_the_space.txt", "\n".join(lines), list_known_ids(ample))


def test_a_report_says_these_things(found: StudyFindings, data: ReportData, ample: SweepStore) -> None:
    shown = {"answers": found.answers, "trials": found.tables.trials, "cells": found.tables.cells}
    certified = {"certificates": build_certificate_tables(data.rows)}
    (facts,) = data.sweeps
    plain = {field.name: getattr(facts, field.name) for field in dataclasses.fields(facts) if field.name != "sweep"}
    expect_kept("report.txt", "\n".join(list_lines({**plain, **shown, **certified})), list_known_ids(ample))


def test_the_page_has_these_words_and_these_choices(
    found: StudyFindings, data: ReportData, ample: SweepStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render, "load_vega", lambda: "")
    monkeypatch.setattr(render, "__version__", "of this test")
    figures = [figure for kind in ("tradeoff", "heat_map") if (figure := draw_figure(FigureRequest(kind=kind), found))]
    page = render.render_page(data, [(found, figures)], [], ("png", "pdf"), ("a note",))
    page = re.sub(r"<(style|script)\b.*?</\1>", "", page, flags=re.DOTALL)
    lines = [shorten(line) for line in page.splitlines() if line.strip()]
    chosen = {name: part for name, part in build_payload(data, [(found.study, figures)])["studies"][0].items()
              if name not in ("tables", "figures")}  # fmt: skip
    expect_kept("page.txt", "\n".join([*lines, *list_lines(chosen)]), list_known_ids(ample))
