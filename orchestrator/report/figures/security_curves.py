"""Security curves: robust accuracy over the budget, down to chance and below."""

from __future__ import annotations

from orchestrator.report.analysis.attack_families import Family, list_curve_families, list_families
from orchestrator.report.analysis.groups import choose_groups
from orchestrator.report.analysis.study import Study
from orchestrator.report.analysis.tables import StudyTables
from orchestrator.report.figures.encodings import (
    INK,
    WHOLE,
    describe,
    encode_colour,
    encode_dash,
    encode_rate,
    label_budgets,
)
from orchestrator.report.figures.figure import Figure, Panel, Spec

MOST_CURVES = 40
"""More models than these become one line for each colour and shape, defended and undefended ones apart."""


def draw_security_curves(study: Study, tables: StudyTables) -> Figure | None:
    """A panel for each attack that was run at several budgets, with a line for each model, or for each group of them.

    The line is the mean over seeds, the band spans them.
    """
    known = list_families(study)
    panels = [
        Panel(f"{family.label} ({family.unit})", _draw_family(study, known.index(family), family), 380)
        for family in list_curve_families(study)
    ]
    if not panels:
        return None
    title = f"Security curves: {study.dataset}"
    return Figure("security_curves", title, tuple(panels), {"trials": tables.trials}, columns=2)


def _draw_family(study: Study, place: int, family: Family) -> Spec:
    groups, shapes = choose_groups(study)
    colour = encode_colour(groups)
    x = {"field": "budget", "type": "quantitative", "title": "eps", "axis": label_budgets([0.0, *family.budgets])}
    y = {name: encode_rate(name, "robust accuracy", scale=WHOLE) for name in ("accuracy", "low")}
    tooltip = [
        describe("line", "models"),
        describe("budgetText", "eps"),
        describe("accuracy", "robust accuracy", ".2%"),
        describe("range", "lowest and highest seed"),
    ]
    band = {
        "mark": {"type": "area", "opacity": 1, "fillOpacity": 0.12},
        "encoding": {"x": x, "y": y["low"], "y2": {"field": "high"}, "color": colour, "detail": {"field": "line"}},
    }
    line = {
        "mark": {"type": "line", "strokeWidth": 2},
        "encoding": {"x": x, "y": y["accuracy"], "color": colour, "strokeDash": encode_dash(shapes),
                     "detail": {"field": "line"}},
    }  # fmt: skip
    dot = {
        "name": "points",
        "mark": {"type": "point", "filled": True, "size": 40, "opacity": 1},
        "encoding": {"x": x, "y": y["accuracy"], "color": colour, "tooltip": tooltip},
    }
    return {
        "height": 300,
        "data": {"name": "trials"},
        "transform": follow_budgets(place),
        "layer": [band, _draw_chance(study), line, dot],
    }


def _draw_chance(study: Study) -> Spec:
    """The accuracy of guessing."""
    return {
        "data": {"values": [{"chance": study.chance}]},
        "mark": {"type": "rule", "strokeDash": [3, 3], "color": INK, "strokeOpacity": 0.6},
        "encoding": {
            "y": {"field": "chance", "type": "quantitative"},
            "tooltip": [describe("chance", "chance", ".1%")],
        },
    }


def follow_budgets(family: int) -> list[Spec]:
    """Rows of trials -> the points of the curves of one family, clean accuracy at a budget of 0 among them.

    At each budget the attack with the most iterations counts, the stronger one where several have as many. Training
    runs that lack a budget are left out: a mean over other models at each budget would be no curve.
    """
    clean, group = "datum.measure === 'clean'", "datum.g + ' | ' + datum.s + ' | ' + datum.d"
    return [
        {"filter": f"datum.family === {family} && datum.eps > 0"},
        {"joinaggregate": [{"op": "max", "field": "steps", "as": "most"}], "groupby": ["eps"]},
        {"filter": "datum.steps === datum.most"},
        {
            "aggregate": [{"op": "min", "field": name, "as": name} for name in ("clean", "robust")],
            "groupby": ["config", "label", "g", "s", "d", "seed", "eps", "epsText"],
        },
        {"joinaggregate": [{"op": "distinct", "field": "eps", "as": "budgets"}]},
        {"joinaggregate": [{"op": "count", "as": "own"}], "groupby": ["config", "seed"]},
        {"filter": "datum.own === datum.budgets"},
        {"joinaggregate": [{"op": "distinct", "field": "config", "as": "models"}]},
        {"calculate": f"datum.models > {MOST_CURVES} ? {group} : datum.label", "as": "line"},
        {"fold": ["clean", "robust"], "as": ["measure", "accuracy"]},
        {"calculate": f"{clean} ? 0 : datum.eps", "as": "budget"},
        {"calculate": f"{clean} ? '0: clean accuracy' : datum.epsText", "as": "budgetText"},
        {
            "aggregate": [{"op": "mean", "field": "accuracy", "as": "accuracy"}],
            "groupby": ["line", "g", "s", "seed", "budget", "budgetText"],
        },
        {
            "aggregate": [
                {"op": "mean", "field": "accuracy", "as": "accuracy"},
                {"op": "min", "field": "accuracy", "as": "low"},
                {"op": "max", "field": "accuracy", "as": "high"},
            ],
            "groupby": ["line", "g", "s", "budget", "budgetText"],
        },
        {"calculate": "format(datum.low, '.1%') + ' to ' + format(datum.high, '.1%')", "as": "range"},
    ]
