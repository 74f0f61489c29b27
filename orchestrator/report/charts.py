"""The interactive charts as Vega-Lite; the page fills in their data, by name, for what its reader chose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator.report.figures.style import PALETTE
from orchestrator.report.study import Study

Spec = dict[str, Any]
PERCENT = ".0%"
SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "triangle-right")
DASHES = ([1, 0], [6, 3], [2, 2], [8, 2, 2, 2], [4, 4], [1, 3], [10, 4])
SOFT = {"scale": {"zero": False, "nice": True}}


def build_charts(study: Study) -> dict[str, Spec]:
    """Every interactive chart of a study by name."""
    axes = [{"field": f"a{place}", "title": axis.label} for place, axis in enumerate(study.training_axes)]
    return {
        "tradeoff": chart_tradeoff(axes, study.headline.row["split"]),
        "heat": chart_heat_map(),
        "axis": chart_axis(),
        "curves": chart_curves(study.chance),
        "history": chart_history(),
        "confidence": chart_confidence(),
    }


def _make_base(height: int, *layers: Spec) -> Spec:
    return {"width": "container", "height": height, "autosize": {"type": "fit-x", "contains": "padding"},
            "layer": list(layers)}  # fmt: skip


def _encode_rate(field: str, title: str, **more: Any) -> Spec:
    return {"field": field, "type": "quantitative", "title": title, "axis": {"format": PERCENT, "tickCount": 6}, **more}


def _encode_colour(title: str = "group") -> Spec:
    legend = {
        "title": title,
        "orient": "bottom",
        "columns": 4,
        "symbolLimit": 40,
        "labelLimit": 180,
        "symbolOpacity": 1,
    }
    return {"field": "g", "type": "nominal", "scale": {"domain": [], "range": list(PALETTE)}, "legend": legend}


def _shape(ranges: Sequence[Any]) -> Spec:
    legend = {"title": "shape", "orient": "bottom", "columns": 4, "labelLimit": 180, "symbolOpacity": 1}
    return {"field": "s", "type": "nominal", "scale": {"domain": [], "range": list(ranges)}, "legend": legend}


def _encode_tooltip(field: str, title: str, form: str | None = None) -> Spec:
    return {"field": field, "title": title, **({"type": "quantitative", "format": form} if form else {})}


def chart_tradeoff(axes: Sequence[Spec], split: str) -> Spec:
    """Trials, the means of their seeds, and the Pareto front of the means."""
    place = {
        "x": _encode_rate("clean", f"clean accuracy ({split} split)", **SOFT),
        "y": _encode_rate("robust", "robust accuracy"),
    }
    rates = [_encode_tooltip("clean", "clean accuracy", ".2%"), _encode_tooltip("robust", "robust accuracy", ".2%")]
    settings = [_encode_tooltip(axis["field"], axis["title"]) for axis in axes]
    trial = [
        _encode_tooltip("id", "trial"),
        _encode_tooltip("seed", "seed"),
        *settings,
        *rates,
        _encode_tooltip("interval", "95 % interval, robust"),
        _encode_tooltip("counts", "robust of images"),
        _encode_tooltip("verdict", "verdict"),
    ]
    model = [
        _encode_tooltip("trials", "trials"),
        *settings,
        _encode_tooltip("seeds", "seeds"),
        _encode_tooltip("cleanText", "clean accuracy"),
        _encode_tooltip("robustText", "robust accuracy"),
        _encode_tooltip("onFront", "Pareto front"),
    ]
    front = {
        "data": {"name": "front"},
        "mark": {"type": "line", "strokeDash": [5, 4], "strokeWidth": 1.5, "color": {"expr": "ink"}, "opacity": 0.6},
        "encoding": place | {"order": {"field": "clean", "type": "quantitative"}},
    }
    trials = {
        "data": {"name": "trials"},
        "mark": {"type": "point", "filled": True, "size": 26, "opacity": 0.4},
        "encoding": place | {"color": _encode_colour(), "shape": _shape(SHAPES), "tooltip": trial},
    }
    means = {
        "data": {"name": "means"},
        "mark": {"type": "point", "filled": True, "size": 130, "opacity": 0.95, "stroke": {"expr": "paper"},
                 "strokeWidth": 1, "cursor": "pointer"},
        "encoding": place | {"color": _encode_colour(), "shape": _shape(SHAPES), "tooltip": model},
    }  # fmt: skip
    return _make_base(400, front, trials, means)


def chart_heat_map() -> Spec:
    """Robust accuracy over budget and iterations."""
    place = {
        "x": {"field": "steps", "type": "ordinal", "title": "iterations", "axis": {"labelAngle": 0}},
        "y": {"field": "eps", "type": "ordinal", "title": "eps", "sort": {"field": "order", "order": "descending"}},
    }
    tip = [
        _encode_tooltip("eps", "eps"),
        _encode_tooltip("steps", "iterations"),
        _encode_tooltip("robust", "robust accuracy", ".2%"),
        _encode_tooltip("trials", "trials"),
    ]
    cell = {
        "mark": {"type": "rect"},
        "encoding": place | {"tooltip": tip, "color": {
            "field": "robust", "type": "quantitative", "scale": {"domain": [0, 1], "scheme": "viridis"},
            "legend": {"title": None, "format": PERCENT, "gradientLength": 120}}},
    }  # fmt: skip
    shade = {"condition": {"test": "datum.robust < 0.55", "value": "white"}, "value": "black"}
    number = {
        "mark": {"type": "text", "fontSize": 12},
        "encoding": place | {"text": {"field": "robust", "type": "quantitative", "format": ".0%"}, "color": shade},
    }
    return {**_make_base(0, cell, number), "data": {"name": "heat"}}


def chart_axis() -> Spec:
    """Clean and robust accuracy over the values of one axis."""
    x = {"field": "level", "type": "nominal", "title": None, "sort": None, "axis": {"labelAngle": 0, "labelLimit": 70}}
    colour = {"field": "measure", "type": "nominal", "scale": {"domain": ["clean", "robust"], "range": PALETTE[:2]},
              "legend": {"orient": "top", "title": None, "symbolOpacity": 1}}  # fmt: skip
    tip = [
        _encode_tooltip("level", "value"),
        _encode_tooltip("measure", "accuracy"),
        _encode_tooltip("mean", "mean", ".2%"),
        _encode_tooltip("interval", "95 % over seeds"),
        _encode_tooltip("seeds", "seeds"),
        _encode_tooltip("trials", "trials"),
    ]
    whole = {"scale": {"domain": [0, 1]}}
    line = {
        "mark": {"type": "line", "strokeWidth": 2},
        "encoding": {"x": x, "y": _encode_rate("mean", "", **whole), "color": colour},
    }
    bar = {
        "mark": {"type": "rule", "strokeWidth": 6, "opacity": 0.25},
        "encoding": {"x": x, "y": _encode_rate("low", "", **whole), "y2": {"field": "high"}, "color": colour},
    }
    dot = {
        "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
        "encoding": {"x": x, "y": _encode_rate("mean", "", **whole), "color": colour, "tooltip": tip},
    }
    return {**_make_base(220, bar, line, dot), "data": {"name": "levels"}}


def chart_curves(chance: float) -> Spec:
    """Security curves, with the accuracy of guessing."""
    x = {"field": "eps", "type": "quantitative", "title": "eps"}
    whole = {"scale": {"domain": [0, 1]}}
    y = _encode_rate("mean", "robust accuracy", **whole)
    tip = [
        _encode_tooltip("label", "models"),
        _encode_tooltip("epsText", "eps"),
        _encode_tooltip("mean", "robust accuracy", ".2%"),
        _encode_tooltip("range", "lowest and highest seed"),
    ]
    band = {
        "mark": {"type": "area", "opacity": 0.12},
        "encoding": {"x": x, "y": _encode_rate("low", "", **whole), "y2": {"field": "high"},
                     "color": _encode_colour(), "detail": {"field": "label"}},
    }  # fmt: skip
    line = {
        "mark": {"type": "line", "strokeWidth": 2},
        "encoding": {
            "x": x,
            "y": y,
            "color": _encode_colour(),
            "strokeDash": _shape(DASHES),
            "detail": {"field": "label"},
        },
    }
    dot = {
        "mark": {"type": "point", "filled": True, "size": 45, "opacity": 1},
        "encoding": {"x": x, "y": y, "color": _encode_colour(), "tooltip": tip},
    }
    guess = {
        "data": {"values": [{"y": chance, "text": "chance"}]},
        "mark": {"type": "rule", "strokeDash": [3, 3], "color": {"expr": "ink"}, "opacity": 0.6},
        "encoding": {"y": {"field": "y", "type": "quantitative"}, "tooltip": [_encode_tooltip("y", "chance", ".1%")]},
    }
    return {**_make_base(340, band, guess, line, dot), "data": {"name": "curves"}}


def chart_history() -> Spec:
    """One measure of one kind of stage over the epochs; the band holds all stages of a group."""
    x = {"field": "epoch", "type": "quantitative", "title": "epoch", "axis": {"tickMinStep": 1, "format": "d"}}
    y = {"type": "quantitative", "scale": {"zero": False}, "title": None}
    tip = [
        _encode_tooltip("g", "group"),
        _encode_tooltip("epoch", "epoch"),
        _encode_tooltip("metric", "measure"),
        _encode_tooltip("mean", "mean", ".4f"),
    ]
    tip += [
        _encode_tooltip("low", "lowest stage", ".4f"),
        _encode_tooltip("high", "highest stage", ".4f"),
        _encode_tooltip("stages", "stages"),
    ]
    dash = {"field": "metric", "type": "nominal", "legend": {"orient": "bottom", "title": None, "labelLimit": 220},
            "scale": {"range": list(DASHES)}}  # fmt: skip
    band = {
        "mark": {"type": "area", "opacity": 0.12},
        "encoding": {"x": x, "y": y | {"field": "low"}, "y2": {"field": "high"}, "color": _encode_colour(),
                     "detail": {"field": "metric"}},
    }  # fmt: skip
    line = {
        "mark": {"type": "line", "strokeWidth": 2},
        "encoding": {"x": x, "y": y | {"field": "mean"}, "color": _encode_colour(), "strokeDash": dash},
    }
    dot = {
        "mark": {"type": "point", "filled": True, "size": 40, "opacity": 1},
        "encoding": {"x": x, "y": y | {"field": "mean"}, "color": _encode_colour(), "tooltip": tip},
    }
    return {**_make_base(200, band, line, dot), "data": {"name": "history"}}


def chart_confidence() -> Spec:
    """How sure a model is of what it says, before and after."""
    colour = {"field": "when", "type": "nominal", "scale": {"domain": ["clean", "adversarial"], "range": PALETTE[:2]},
              "legend": {"orient": "top", "title": None, "symbolOpacity": 1}}  # fmt: skip
    bars = {
        "mark": {"type": "bar", "opacity": 0.55, "binSpacing": 0},
        "encoding": {
            "x": {
                "field": "from",
                "bin": {"binned": True},
                "title": "confidence",
                "type": "quantitative",
                "axis": {"format": PERCENT, "values": [0, 0.25, 0.5, 0.75, 1]},
                "scale": {"domain": [0, 1]},
            },
            "x2": {"field": "to"},
            "y": {
                "field": "share",
                "type": "quantitative",
                "title": "share of images",
                "stack": None,
                "axis": {"format": PERCENT},
            },
            "color": colour,
            "tooltip": [
                _encode_tooltip("when", "images"),
                _encode_tooltip("from", "from", PERCENT),
                _encode_tooltip("to", "to", PERCENT),
                _encode_tooltip("share", "share", ".1%"),
            ],
        },
    }
    return {**_make_base(170, bars), "data": {"name": "confidence"}}
