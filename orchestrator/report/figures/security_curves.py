"""Security curves: a rate over the budget; robust accuracy goes down to chance and below."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.report.analysis.attack_families import Family, list_curve_families, list_families
from orchestrator.report.analysis.groups import choose_groups
from orchestrator.report.analysis.study import Study
from orchestrator.report.analysis.tables import RATES, StudyTables
from orchestrator.report.figures.encodings import (
    DASHES,
    INK,
    WHOLE,
    describe,
    encode_colour,
    encode_dash,
    encode_measures,
    encode_rate,
    label_budgets,
)
from orchestrator.report.figures.figure import Figure, Panel, Spec

MOST_CURVES = 40
"""More models than these become one line for each colour and shape, defended and undefended ones apart."""


def draw_security_curves(
    study: Study, tables: StudyTables, rates: Sequence[str] = ("robust_accuracy",)
) -> Figure | None:
    """A panel for each attack that was run at several budgets, with a line for each model, or for each group of them.

    The line is the mean over seeds, the band spans them.

    :param rates: of `tables.RATES`; each has lines of its own.
    """
    known = list_families(study)
    panels = [
        Panel(f"{family.label} ({family.unit})", _draw_family(study, known.index(family), family, rates), 380)
        for family in list_curve_families(study)
    ]
    if not panels:
        return None
    title = f"Security curves: {study.dataset}"
    return Figure("security_curves", title, tuple(panels), {"trials": tables.trials}, columns=2)


def _draw_family(study: Study, place: int, family: Family, rates: Sequence[str]) -> Spec:
    names = [RATES[rate][1] for rate in rates]
    colour, dash = _encode_lines(study, names)
    title = names[0] if len(names) == 1 else "share of images"
    x = {"field": "budget", "type": "quantitative", "title": "eps", "axis": label_budgets([0.0, *family.budgets])}
    y = {name: encode_rate(name, title, scale=WHOLE) for name in ("accuracy", "low")}
    tooltip = [
        describe("line", "models"),
        describe("budgetText", "eps"),
        *([describe("rate", "rate")] if len(names) > 1 else []),
        describe("accuracy", title, ".2%"),
        describe("range", "lowest and highest seed"),
    ]
    detail = [{"field": "line"}, {"field": "rate"}]
    band = {
        "mark": {"type": "area", "opacity": 1, "fillOpacity": 0.12},
        "encoding": {"x": x, "y": y["low"], "y2": {"field": "high"}, "color": colour, "detail": detail},
    }
    line = {
        "mark": {"type": "line", "strokeWidth": 2},
        "encoding": {"x": x, "y": y["accuracy"], "color": colour, "strokeDash": dash, "detail": detail},
    }
    dot = {
        "name": "points",
        "mark": {"type": "point", "filled": True, "size": 40, "opacity": 1},
        "encoding": {"x": x, "y": y["accuracy"], "color": colour, "tooltip": tooltip},
    }
    return {
        "height": 300,
        "data": {"name": "trials"},
        "transform": follow_budgets(place, rates),
        "layer": [band, *([] if set(rates) == {"attack_success_rate"} else [_draw_chance(study)]), line, dot],
    }


def _encode_lines(study: Study, names: Sequence[str]) -> tuple[Spec, Spec]:
    """Colour and dashes: of models, and where there are several rates, of these."""
    groups, shapes = choose_groups(study)
    if len(names) == 1:
        return encode_colour(groups), encode_dash(shapes)
    if len(groups.levels) == 1:
        return encode_measures("rate", names), encode_dash(shapes)
    dashes = {"domain": list(names), "range": list(DASHES[: len(names)])}
    return encode_colour(groups), {"field": "rate", "type": "nominal", "scale": dashes, "legend": {"title": None}}


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


def follow_budgets(family: int, rates: Sequence[str] = ("robust_accuracy",)) -> list[Spec]:
    """Rows of trials -> the points of the curves of one family, those at a budget of 0 among them, where robust
    accuracy is clean accuracy and no attack succeeds.

    At each budget the attack with the most iterations counts, the stronger one where several have as many. Training
    runs that lack a budget are left out: a mean over other models at each budget would be no curve.
    """
    fields = [RATES[rate][0] for rate in rates]
    names = " : ".join(f"indexof(datum.measure, '{RATES[rate][0]}') === 0 ? '{RATES[rate][1]}'" for rate in rates)
    start, group = "indexof(datum.measure, '0') > 0", "datum.g + ' | ' + datum.s + ' | ' + datum.d"
    before = {"clean": "datum.clean", "robust": "datum.clean", "success": "0"}
    worst = {"clean": "min", "robust": "min", "success": "max"}
    return [
        {"filter": f"datum.family === {family} && datum.eps > 0"},
        {"joinaggregate": [{"op": "max", "field": "steps", "as": "most"}], "groupby": ["eps"]},
        {"filter": "datum.steps === datum.most"},
        {
            "aggregate": [{"op": worst[name], "field": name, "as": name} for name in dict.fromkeys(("clean", *fields))],
            "groupby": ["config", "label", "g", "s", "d", "seed", "eps", "epsText"],
        },
        {"joinaggregate": [{"op": "distinct", "field": "eps", "as": "budgets"}]},
        {"joinaggregate": [{"op": "count", "as": "own"}], "groupby": ["config", "seed"]},
        {"filter": "datum.own === datum.budgets"},
        {"joinaggregate": [{"op": "distinct", "field": "config", "as": "models"}]},
        {"calculate": f"datum.models > {MOST_CURVES} ? {group} : datum.label", "as": "line"},
        *({"calculate": before[name], "as": f"{name}0"} for name in fields),
        {"fold": [name + end for name in fields for end in ("0", "")], "as": ["measure", "accuracy"]},
        {"calculate": f"{names} : ''", "as": "rate"},
        {"calculate": f"{start} ? 0 : datum.eps", "as": "budget"},
        {"calculate": f"{start} ? '0: no attack' : datum.epsText", "as": "budgetText"},
        {
            "aggregate": [{"op": "mean", "field": "accuracy", "as": "accuracy"}],
            "groupby": ["line", "g", "s", "seed", "rate", "budget", "budgetText"],
        },
        {
            "aggregate": [
                {"op": "mean", "field": "accuracy", "as": "accuracy"},
                {"op": "min", "field": "accuracy", "as": "low"},
                {"op": "max", "field": "accuracy", "as": "high"},
            ],
            "groupby": ["line", "g", "s", "rate", "budget", "budgetText"],
        },
        {"calculate": "format(datum.low, '.1%') + ' to ' + format(datum.high, '.1%')", "as": "range"},
    ]
