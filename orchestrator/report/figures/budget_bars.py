"""Bars of accuracy or of attack success over the budgets, or over the attacks."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.report.analysis.attack_families import list_families
from orchestrator.report.analysis.budget_bars import list_bars
from orchestrator.report.analysis.doubts import MARKS
from orchestrator.report.analysis.study import Study
from orchestrator.report.analysis.tables import RATES, StudyTables
from orchestrator.report.figures.encodings import INK, PALETTE, WHOLE, describe, encode_rate
from orchestrator.report.figures.figure import Figure, Panel, Spec
from orchestrator.results.checks.verdict import SUSPICIOUS, UPPER_BOUND

BAR = 26
"""Width of a bar in 1/72 inch; narrower where there are many."""
WIDEST = 620
SUCCESS = RATES["attack_success_rate"][1]
"""Where robust accuracy is an upper bound, this is a lower one."""
LONG = 22
"""Letters of a name; longer ones stand below each other in a legend."""


def draw_budget_bars(study: Study, tables: StudyTables, rates: Sequence[str] = ("robust_accuracy",)) -> Figure | None:
    """One panel whose bars are the rates of the only model, or a panel for each rate whose bars are the models.

    :param rates: of `tables.RATES`.
    """
    rows = list_bars(study, tables, rates)
    if not rows:
        return None
    names, models = [RATES[rate][1] for rate in rates], list(dict.fromkeys(row["model"] for row in rows))
    attacks = [name for _, name in sorted({(row["order"], row["attack"]) for row in rows})]
    families = list_families(study)
    title = families[0].unit if len(families) == 1 else "attack"
    if len(models) == 1:
        along = names[0] if len(names) == 1 else "share of images"
        panels = [Panel("", _draw_bars("rate", names, attacks, title, along), _measure(attacks, names))]
    else:
        panels = [
            Panel(name, _draw_bars("model", models, attacks, title, name, name), _measure(attacks, models))
            for name in names
        ]
    heading = f"{' and '.join(names)}: {study.dataset}"
    return Figure("budget_bars", heading[0].upper() + heading[1:], tuple(panels), {"bars": rows}, 1)


def _measure(attacks: Sequence[str], levels: Sequence[str]) -> int:
    return min(WIDEST, max(260, BAR * len(attacks) * len(levels)))


def _draw_bars(
    field: str, levels: Sequence[str], attacks: Sequence[str], across: str, along: str, rate: str = ""
) -> Spec:
    """:param field: what the bars of one attack differ in; `levels` are its values."""
    turned = {"labelAngle": 0} if max(map(len, attacks)) <= 8 else {"labelAngle": -30, "labelLimit": 260}
    x = {"field": "attack", "type": "nominal", "title": across, "sort": list(attacks), "axis": turned}
    place = {"x": x, "xOffset": {"field": field, "type": "nominal", "sort": list(levels)}}
    looks = {"domain": list(levels), "range": [PALETTE[place % len(PALETTE)] for place in range(len(levels))]}
    stacked = {"columns": 1, "labelLimit": 420} if max(map(len, levels)) > LONG else {}
    legend = {"title": None, **stacked} if len(levels) > 1 else None
    colour = {"field": field, "type": "nominal", "scale": looks, "legend": legend}
    tooltip = [
        describe("attack", across),
        describe("model", "model"),
        describe("text", along),
        describe("seeds", "seeds"),
        describe("verdict", "verdict"),
        describe("reason", "why"),
    ]
    bar = {
        "name": "bars",
        "mark": {"type": "bar", "opacity": 1},
        "encoding": place | {"y": encode_rate("mean", along, scale=WHOLE), "color": colour, "tooltip": tooltip},
    }
    spread = {
        "transform": [{"filter": "datum.seeds > 1"}],
        "mark": {"type": "rule", "strokeWidth": 1.2, "color": INK},
        "encoding": place | {"y": encode_rate("low", along, scale=WHOLE), "y2": {"field": "high"}},
    }
    number = {
        "mark": {"type": "text", "dy": -6, "fontSize": 8, "color": INK},
        "encoding": place | {
            "y": encode_rate("high", along, scale=WHOLE),
            "text": {"field": "mean", "type": "quantitative", "format": ".0%"},
        },
    }  # fmt: skip
    mark = (
        f"datum.verdict === '{SUSPICIOUS}' ? '{MARKS[SUSPICIOUS]}' : datum.verdict !== '{UPPER_BOUND}' ? '' : "
        f"datum.rate === '{SUCCESS}' ? '≥' : '{MARKS[UPPER_BOUND]}'"
    )
    doubt = {
        "transform": [{"calculate": mark, "as": "doubt"}],
        "mark": {"type": "text", "dy": -15, "fontSize": 9, "fontWeight": "bold", "color": INK},
        "encoding": place | {"y": encode_rate("high", along, scale=WHOLE), "text": {"field": "doubt"}},
    }
    chosen = [{"filter": f"datum.rate === '{rate}'"}] if rate else []
    return {"height": 220, "data": {"name": "bars"}, "transform": chosen, "layer": [bar, spread, number, doubt]}
