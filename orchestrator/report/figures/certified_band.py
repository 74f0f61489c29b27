"""The band between what is certified and what attacks leave, over the budget and over the pruning ratio."""

from __future__ import annotations

from orchestrator.report.analysis.certified import group_without_ratio, list_bands
from orchestrator.report.analysis.study import Study
from orchestrator.report.figures.encodings import PERCENT, WHOLE, describe, encode_colour, label_budgets
from orchestrator.report.figures.figure import Figure, Panel, Rows, Spec

BOUNDS = ("certified", "under attack")
MOST_PANELS = 12


def draw_certified_band(study: Study) -> Figure | None:
    """A panel for each norm, over the budget; and one for each budget above zero, over the pruning ratio where it
    varies. Null where nothing is certified of a model that was attacked.
    """
    bands = list_bands(study)
    panels = []
    for norm in dict.fromkeys(row["norm"] for row in bands):
        of_norm = [row for row in bands if row["norm"] == norm]
        budgets = sorted({row["eps"] for row in of_norm})
        if len(budgets) > 1:
            x = {"field": "eps", "type": "quantitative", "title": f"eps, {norm}", "axis": label_budgets(budgets)}
            panels.append(Panel(f"over the budget, {norm}", _draw_band(study, x, f"datum.norm === '{norm}'"), 380))
        if len({row["ratio"] for row in of_norm}) > 1 or len(budgets) == 1:
            panels += [_draw_ratios(study, of_norm, norm, eps) for eps in budgets if eps or len(budgets) == 1]
    if not panels:
        return None
    title = f"Between certificate and attack: {study.dataset}"
    return Figure("certified_band", title, tuple(panels[:MOST_PANELS]), {"bands": bands}, columns=2)


def _draw_ratios(study: Study, bands: Rows, norm: str, eps: float) -> Panel:
    text = next(row["epsText"] for row in bands if row["eps"] == eps)
    ticks = {"format": PERCENT, "values": sorted({row["ratio"] for row in bands}), "labelOverlap": True}
    x = {"field": "ratio", "type": "quantitative", "title": "pruning ratio", "axis": ticks}
    wanted = f"datum.norm === '{norm}' && datum.eps === {eps!r}"
    return Panel(f"{norm}, eps {text}", _draw_band(study, x, wanted), 380)


def _draw_band(study: Study, x: Spec, wanted: str) -> Spec:
    """Two lines for each model or group, and what lies between them."""
    colour = {**encode_colour(group_without_ratio(study)), "field": "line"}
    one = "label" if x["field"] == "eps" else "line"
    tooltip = [describe("label", "model"), describe("epsText", "eps"), describe("range", "certified to attacked")]
    y = {"type": "quantitative", "title": "robust accuracy", "axis": {"format": PERCENT}, "scale": WHOLE}
    dashes = {"domain": list(BOUNDS), "range": [[1, 0], [5, 3]]}
    dash = {"field": "bound", "type": "nominal", "scale": dashes, "legend": {"title": None}}
    fold: list[Spec] = [
        {"fold": ["lower", "upper"], "as": ["which", "accuracy"]},
        {"filter": "isValid(datum.accuracy)"},
        {"calculate": f"datum.which === 'lower' ? '{BOUNDS[0]}' : '{BOUNDS[1]}'", "as": "bound"},
    ]
    grouped = [{"aggregate": [{"op": "mean", "field": name, "as": name} for name in ("lower", "upper")],
                "groupby": [*dict.fromkeys([one, "line", x["field"], "epsText"])]}]  # fmt: skip
    words = "format(datum.lower, '.1%') + ' to ' + (isValid(datum.upper) ? format(datum.upper, '.1%') : '?')"
    rows: list[Spec] = [{"filter": wanted}, *grouped, {"calculate": words, "as": "range"},
                        {"calculate": f"datum.{one}", "as": "label"}]  # fmt: skip
    band = {
        "transform": [{"filter": "isValid(datum.upper)"}],
        "mark": {"type": "area", "opacity": 1, "fillOpacity": 0.18},
        "encoding": {
            "x": x,
            "y": {**y, "field": "lower"},
            "y2": {"field": "upper"},
            "color": colour,
            "detail": {"field": "label"},
        },
    }
    lines = {
        "transform": fold,
        "mark": {"type": "line", "strokeWidth": 2},
        "encoding": {
            "x": x,
            "y": {**y, "field": "accuracy"},
            "color": colour,
            "strokeDash": dash,
            "detail": {"field": "label"},
        },
    }
    dots = {
        "name": "bands",
        "transform": fold,
        "mark": {"type": "point", "filled": True, "size": 45, "opacity": 1},
        "encoding": {"x": x, "y": {**y, "field": "accuracy"}, "color": colour, "tooltip": tooltip},
    }
    return {"height": 300, "data": {"name": "bands"}, "transform": rows, "layer": [band, lines, dots]}
