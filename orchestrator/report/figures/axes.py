"""Accuracy over the pruning ratio, lambda, eps_train and every other setting that varies."""

from __future__ import annotations

from orchestrator.report.analysis.levels import Levels, choose_axes, list_levels
from orchestrator.report.analysis.study import Study
from orchestrator.report.analysis.tables import STATES, StudyTables
from orchestrator.report.figures.encodings import DASHES, WHOLE, describe, encode_measures, encode_rate
from orchestrator.report.figures.figure import Figure, Panel, Spec
from orchestrator.results.statistics import compute_student_quantiles

MEASURES = ("clean", "robust")
LETTERS = 36
"""So many stand side by side below a panel."""


def draw_axes(study: Study, tables: StudyTables) -> Figure | None:
    """A panel for each setting: clean and robust accuracy, averaged over all others within each seed, then over seeds,
    with the 95 % interval of Student's t over seeds. Defended and undefended models are never averaged.
    """
    axes = choose_axes(study)
    if not axes:
        return None
    attack = study.threats.index(study.headline)
    panels = [
        Panel(axis.label, _draw_axis(study, tables, study.training_axes.index(axis), list_levels(study, axis)), 200,
              {"attack": attack})
        for axis in axes
    ]  # fmt: skip
    title = f"Accuracy over each setting: {study.dataset}, {study.headline.label}"
    return Figure("axes", title, tuple(panels), {"trials": tables.trials})


def _draw_axis(study: Study, tables: StudyTables, place: int, levels: Levels) -> Spec:
    crowded = len(levels.texts) > 6 or len(levels.texts) * max(map(len, levels.texts)) > LETTERS
    x = {"field": f"a{place}", "type": "ordinal", "title": None, "sort": list(levels.texts),
         "scale": {"type": "point", "padding": 0.4},
         "axis": {"labelAngle": -40 if crowded else 0, "labelLimit": 90}}  # fmt: skip
    y = {name: encode_rate(name, "accuracy", scale=WHOLE) for name in ("mean", "low")}
    colour = encode_measures("measure", MEASURES)
    tooltip = [
        describe(f"a{place}", levels.axis.label),
        describe("d", "models"),
        describe("measure", "accuracy"),
        describe("mean", "mean", ".2%"),
        describe("interval", "95 % over seeds"),
        describe("seeds", "seeds"),
    ]
    bar = {
        "mark": {"type": "rule", "strokeWidth": 6, "strokeOpacity": 0.25},
        "encoding": {"x": x, "y": y["low"], "y2": {"field": "high"}, "color": colour},
    }
    known = [state for state in STATES if any(row["d"] == state for row in tables.trials)]
    dash = {"field": "d", "type": "nominal", "legend": {"title": None} if len(known) > 1 else None,
            "scale": {"domain": known, "range": list(DASHES[: len(known)])}}  # fmt: skip
    line = {
        "mark": {"type": "line", "strokeWidth": 2},
        "encoding": {"x": x, "y": y["mean"], "color": colour, "strokeDash": dash},
    }
    dot = {
        "name": "levels",
        "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
        "encoding": {"x": x, "y": y["mean"], "color": colour, "tooltip": tooltip},
    }
    seeds = len({row["seed"] for row in study.rows})
    transform = average_over_seeds(f"a{place}", seeds)
    return {"height": 200, "data": {"name": "trials"}, "transform": transform, "layer": [bar, line, dot]}


def average_over_seeds(field: str, seeds: int) -> list[Spec]:
    """Rows of trials -> rows of one level, one measure, and either defended or undefended models, with `mean`, `low`,
    `high` and `seeds`.

    :param seeds: the most that a level can have.
    """
    quantiles = ", ".join(f"{value:.6f}" for value in compute_student_quantiles(seeds - 1))
    half = f"datum.seeds > 1 ? [{quantiles}][datum.seeds - 2] * datum.deviation / sqrt(datum.seeds) : 0"
    mean = [{"op": "mean", "field": name, "as": name} for name in MEASURES]
    over = [
        {"op": "mean", "field": "value", "as": "mean"},
        {"op": "stdev", "field": "value", "as": "deviation"},
        {"op": "count", "as": "seeds"},
    ]
    return [
        {"filter": "datum.threat === attack"},
        {"aggregate": mean, "groupby": [field, "d", "seed"]},
        {"fold": list(MEASURES), "as": ["measure", "value"]},
        {"aggregate": over, "groupby": [field, "d", "measure"]},
        {"calculate": half, "as": "half"},
        {"calculate": "max(0, datum.mean - datum.half)", "as": "low"},
        {"calculate": "min(1, datum.mean + datum.half)", "as": "high"},
        {
            "calculate": "datum.seeds > 1 ? format(datum.low, '.1%') + ' to ' + format(datum.high, '.1%') : 'one seed'",
            "as": "interval",
        },
    ]
