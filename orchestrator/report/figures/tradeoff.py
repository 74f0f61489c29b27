"""Clean against robust accuracy, with the Pareto front."""

from __future__ import annotations

from orchestrator.report.analysis.doubts import MARKS
from orchestrator.report.analysis.groups import choose_groups
from orchestrator.report.analysis.study import Study
from orchestrator.report.analysis.tables import StudyTables, find_worst_verdict
from orchestrator.report.figures.encodings import (
    INK,
    describe,
    describe_settings,
    encode_colour,
    encode_rate,
    encode_shape,
)
from orchestrator.report.figures.figure import Figure, Panel, Spec

UNDER_ATTACK = {"filter": "datum.threat === attack"}
"""The rows of the attack that was chosen."""
WORSE = [{"field": "clean", "order": "descending"}, {"field": "robust", "order": "descending"}]
FRONT = [
    {"window": [{"op": "max", "field": "robust", "as": "best"}], "frame": [None, 0], "sort": WORSE},
    {"window": [{"op": "lag", "field": "best", "as": "before"}], "sort": WORSE},
    {"filter": "datum.before === null || datum.robust > datum.before"},
]
"""Keeps the cells that no other cell beats in both rates: each is more robust than all that are as accurate or more."""


def draw_tradeoff(study: Study, tables: StudyTables) -> Figure:
    """Every configuration under one attack: the mean over its seeds with one standard deviation to both sides, each
    seed, and the front of the means.
    """
    doubts_paper, doubts = _draw_doubts(study)
    layers = [
        *_draw_front(study), *_draw_spreads(study), doubts_paper, _draw_trials(study), _draw_means(study), doubts,
    ]  # fmt: skip
    attack = next(place for place, threat in enumerate(study.threats) if threat is study.headline)
    panel = Panel("", {"height": 330, "layer": layers}, 430, {"attack": attack})
    under = study.under(study.headline)
    marks = [f"{mark}: {kind}" for kind, mark in MARKS.items() if kind in map(find_worst_verdict, under)]
    title = f"What robustness costs: {'; '.join([f'{study.dataset}, {study.headline.label}', *marks])}"
    return Figure("tradeoff", title, (panel,), {"trials": tables.trials, "cells": tables.cells})


def _place(study: Study) -> Spec:
    soft = {"scale": {"zero": False, "nice": True}}
    split = study.headline.row["split"]
    return {
        "x": encode_rate("clean", f"clean accuracy ({split} split)", **soft),
        "y": encode_rate("robust", "robust accuracy", scale={"nice": True}),
    }


def _draw_front(study: Study) -> list[Spec]:
    """A line, and its name at its most robust end."""
    line = {
        "name": "front",
        "data": {"name": "cells"},
        "transform": [UNDER_ATTACK, *FRONT],
        "mark": {"type": "line", "strokeDash": [5, 4], "strokeWidth": 1.5, "color": INK, "strokeOpacity": 0.6},
        "encoding": _place(study) | {"order": {"field": "clean", "type": "quantitative"}},
    }
    ends = [{"op": "min", "field": "clean", "as": "end"}, {"op": "count", "as": "length"}]
    text = "datum.length > 1 && datum.clean === datum.end ? 'Pareto front' : ''"
    name = {
        "data": {"name": "cells"},
        "transform": [UNDER_ATTACK, *FRONT, {"joinaggregate": ends}, {"calculate": text, "as": "text"}],
        "mark": {"type": "text", "dy": -25, "fontSize": 10, "color": INK},
        "encoding": _place(study) | {"text": {"field": "text"}},
    }
    return [line, name]


def _draw_spreads(study: Study) -> list[Spec]:
    """Error bars along both axes."""
    place, colour = _place(study), {"color": encode_colour(choose_groups(study)[0])}
    across = {"x": place["x"] | {"field": "cleanLow"}, "x2": {"field": "cleanHigh"}, "y": place["y"]}
    along = {"x": place["x"], "y": place["y"] | {"field": "robustLow"}, "y2": {"field": "robustHigh"}}
    return [
        {
            "name": name,
            "data": {"name": "cells"},
            "transform": [UNDER_ATTACK, {"filter": "datum.seeds > 1"}],
            "mark": {"type": "rule", "strokeWidth": 1.2, "strokeOpacity": 0.55},
            "encoding": bar | colour,
        }
        for name, bar in (("spread_across", across), ("spread_along", along))
    ]


def _draw_trials(study: Study) -> Spec:
    colour, shape = choose_groups(study)
    tooltip = [
        describe("id", "trial"),
        describe("seed", "seed"),
        *describe_settings(study),
        describe("clean", "clean accuracy", ".2%"),
        describe("robust", "robust accuracy", ".2%"),
        describe("interval", "95 % interval, robust"),
        describe("counts", "robust of images"),
        describe("verdict", "verdict"),
        describe("reason", "why"),
    ]
    texts = [
        {"calculate": "format(datum.low, '.1%') + ' to ' + format(datum.high, '.1%')", "as": "interval"},
        {"calculate": "datum.robustCorrect + ' of ' + datum.images", "as": "counts"},
    ]
    return {
        "name": "trials",
        "data": {"name": "trials"},
        "transform": [UNDER_ATTACK, *texts],
        "mark": {"type": "point", "filled": True, "size": 22, "opacity": 1, "fillOpacity": 0.4},
        "encoding": _place(study) | {"color": encode_colour(colour), "shape": encode_shape(shape), "tooltip": tooltip},
    }


def _draw_means(study: Study) -> Spec:
    colour, shape = choose_groups(study)
    tooltip = [
        describe("trials", "trials"),
        *describe_settings(study),
        describe("seeds", "seeds"),
        describe("cleanText", "clean accuracy"),
        describe("robustText", "robust accuracy"),
        describe("verdict", "verdict"),
        describe("reason", "why"),
    ]
    mark = {"type": "point", "filled": True, "size": 120, "opacity": 1, "fillOpacity": 0.95,
            "stroke": {"expr": "paper"}, "strokeWidth": 1, "cursor": "pointer"}  # fmt: skip
    return {
        "name": "means",
        "data": {"name": "cells"},
        "transform": [UNDER_ATTACK],
        "mark": mark,
        "encoding": _place(study) | {"color": encode_colour(colour), "shape": encode_shape(shape), "tooltip": tooltip},
    }


def _draw_doubts(study: Study) -> list[Spec]:
    """A mark beside each mean that a verdict speaks against, between its error bars; paper around it keeps those of
    other points from running into it.
    """
    mark = " : ".join([*(f"datum.verdict === '{kind}' ? '{text}'" for kind, text in MARKS.items()), "''"])
    text = {"type": "text", "dx": 13, "dy": -11, "fontSize": 13, "fontWeight": "bold", "color": INK}
    around = {"stroke": {"expr": "paper"}, "strokeWidth": 3, "strokeJoin": "round"}
    return [
        {
            "name": name,
            "data": {"name": "cells"},
            "transform": [UNDER_ATTACK, {"calculate": mark, "as": "doubt"}],
            "mark": text | more,
            "encoding": _place(study) | {"text": {"field": "doubt"}},
        }
        for name, more in (("doubts_paper", around), ("doubts", {}))
    ]
