"""A rate over budget and iterations, one model at a time."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.report.analysis.attack_families import list_families, list_grid_families
from orchestrator.report.analysis.study import Configuration, Study
from orchestrator.report.analysis.tables import RATES, StudyTables
from orchestrator.report.figures.encodings import describe
from orchestrator.report.figures.figure import Figure, Panel, Spec

ROW = 30
"""Height of a cell in 1/72 inch."""


def draw_heat_map(
    study: Study, tables: StudyTables, models: Sequence[Configuration], rates: Sequence[str] = ("robust_accuracy",)
) -> Figure | None:
    """A panel for each model, each rate, and each attack that was run over a grid of budgets and iterations.

    Models are never averaged: defended and undefended ones have nothing in common.

    :param rates: of `tables.RATES`; several stand beside each other.
    """
    known, families = list_families(study), list_grid_families(study)
    panels: list[Panel] = []
    for family in families:
        name = f"{family.label.split(',')[0]}: " if len(families) > 1 else ""
        for model in models:
            for rate in rates:
                field, text = RATES[rate]
                param, place = f"model{len(panels)}", study.configurations.index(model)
                spec = _draw_cells(known.index(family), param, len(family.budgets), field, text)
                title = f"{name}{text}: {model.label}" if len(rates) > 1 else f"{name}{model.label}"
                panels.append(Panel(title, spec, max(110, 34 * len(family.steps)), {param: place}))
    if not panels:
        return None
    title = f"{' and '.join(RATES[rate][1] for rate in rates)}, {study.dataset}, budget by iterations"
    columns = max(2, len(rates))
    return Figure("heat_map", title[0].upper() + title[1:], tuple(panels), {"cells": tables.cells}, columns)


def _draw_cells(family: int, param: str, budgets: int, field: str, text: str) -> Spec:
    place = {
        "x": {"field": "steps", "type": "ordinal", "title": "iterations", "axis": {"labelAngle": 0}},
        "y": {"field": "epsText", "type": "ordinal", "title": "eps", "sort": {"field": "eps", "order": "descending"}},
    }
    tooltip = [
        describe("label", "model"),
        describe("epsText", "eps"),
        describe("steps", "iterations"),
        describe(f"{field}Text", text),
        describe("verdict", "verdict"),
    ]
    scale = {"domain": [0, 1], "scheme": "viridis"}
    cell = {
        "name": "cells",
        "mark": "rect",
        "encoding": place | {"tooltip": tooltip, "color": {"field": field, "type": "quantitative", "scale": scale,
                             "legend": None}},
    }  # fmt: skip
    number = {
        "mark": {"type": "text", "fontSize": 11},
        "encoding": place | {
            "text": {"field": field, "type": "quantitative", "format": ".0%"},
            "color": {"condition": {"test": f"datum.{field} < 0.55", "value": "white"}, "value": "black"},
        },
    }  # fmt: skip
    chosen = {"filter": f"datum.family === {family} && datum.eps > 0 && datum.config === {param}"}
    return {"height": ROW * budgets, "data": {"name": "cells"}, "transform": [chosen], "layer": [cell, number]}
