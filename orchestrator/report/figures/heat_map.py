"""Robust accuracy over budget and iterations, one model at a time."""

from __future__ import annotations

from orchestrator.report.analysis.attack_families import list_families, list_grid_families
from orchestrator.report.analysis.selected_configurations import select_configurations
from orchestrator.report.analysis.study import Study
from orchestrator.report.analysis.tables import StudyTables
from orchestrator.report.figures.encodings import describe
from orchestrator.report.figures.figure import Figure, Panel, Spec

ROW = 30
"""Height of a cell in 1/72 inch."""


def draw_heat_map(study: Study, tables: StudyTables) -> Figure | None:
    """A panel for each selected configuration and each attack that was run over a grid of budgets and iterations.

    Models are never averaged: defended and undefended ones have nothing in common.
    """
    known, chosen = list_families(study), select_configurations(study)
    panels: list[Panel] = []
    families = list_grid_families(study)
    for family in families:
        name = f"{family.label.split(',')[0]}: " if len(families) > 1 else ""
        for configuration in chosen:
            param, place = f"model{len(panels)}", study.configurations.index(configuration)
            spec = _draw_cells(known.index(family), param, len(family.budgets))
            width = max(110, 34 * len(family.steps))
            panels.append(Panel(f"{name}{configuration.label}", spec, width, {param: place}))
    if not panels:
        return None
    title = f"Robust accuracy, {study.dataset}, budget by iterations"
    return Figure("heat_map", title, tuple(panels), {"cells": tables.cells}, columns=2)


def _draw_cells(family: int, param: str, budgets: int) -> Spec:
    place = {
        "x": {"field": "steps", "type": "ordinal", "title": "iterations", "axis": {"labelAngle": 0}},
        "y": {"field": "epsText", "type": "ordinal", "title": "eps", "sort": {"field": "eps", "order": "descending"}},
    }
    tooltip = [
        describe("label", "model"),
        describe("epsText", "eps"),
        describe("steps", "iterations"),
        describe("robustText", "robust accuracy"),
        describe("verdict", "verdict"),
    ]
    scale = {"domain": [0, 1], "scheme": "viridis"}
    cell = {
        "name": "cells",
        "mark": "rect",
        "encoding": place | {"tooltip": tooltip, "color": {"field": "robust", "type": "quantitative", "scale": scale,
                             "legend": None}},
    }  # fmt: skip
    number = {
        "mark": {"type": "text", "fontSize": 11},
        "encoding": place | {
            "text": {"field": "robust", "type": "quantitative", "format": ".0%"},
            "color": {"condition": {"test": "datum.robust < 0.55", "value": "white"}, "value": "black"},
        },
    }  # fmt: skip
    chosen = {"filter": f"datum.family === {family} && datum.eps > 0 && datum.config === {param}"}
    return {"height": ROW * budgets, "data": {"name": "cells"}, "transform": [chosen], "layer": [cell, number]}
