"""Accuracy and loss over the epochs of each kind of stage that trains."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.report.analysis.groups import choose_groups
from orchestrator.report.analysis.study import STAGE_NAMES, Study
from orchestrator.report.analysis.training_curves import MEASURES, SHARED
from orchestrator.report.figures.encodings import DASHES, PALETTE, PERCENT, describe, wrap_title
from orchestrator.report.figures.figure import Figure, Panel, Rows, Spec
from tasks.kinds import MODEL_KINDS

GREY = "#6b7280"
MOST_TICKS = 6


def draw_training_curves(study: Study, curves: Rows, stages: Sequence[str] = MODEL_KINDS) -> Figure | None:
    """A panel for each kind of stage, accuracy above loss: the mean over the stages of a group, and their range.

    :param curves: rows of `list_training_curves`.
    :param stages: kinds of stages that are drawn.
    """
    kinds = [kind for kind in stages if any(row["stage"] == kind for row in curves)]
    panels = []
    for measure in MEASURES:
        for kind in kinds:
            drawn = [row for row in curves if (row["stage"], row["kind"]) == (kind, measure)]
            if drawn:
                panels.append(Panel(f"{STAGE_NAMES[kind]}: {measure}", _draw_stage(study, curves, drawn), 220))
    if not panels:
        return None
    return Figure("training_curves", f"Training: {study.dataset}", tuple(panels), {"training": curves}, len(kinds))


def _draw_stage(study: Study, curves: Rows, drawn: Rows) -> Spec:
    stage, measure = drawn[0]["stage"], drawn[0]["kind"]
    last = max(row["epoch"] for row in drawn)
    ticks = list(range(1, last + 1, -(-last // MOST_TICKS)))
    form = {"format": PERCENT} if measure == "accuracy" else {}
    x = {"field": "epoch", "type": "quantitative", "title": "epoch", "scale": {"zero": False},
         "axis": {"values": ticks, "format": "d"}}  # fmt: skip
    y = {"type": "quantitative", "scale": {"zero": False}, "title": measure, "axis": {"tickCount": 5, **form}}
    colour = _colour_groups(study, curves)
    metrics = list(dict.fromkeys(row["metric"] for row in curves))
    dash = {"field": "metric", "type": "nominal", "legend": {"title": None} if len(metrics) > 1 else None,
            "scale": {"domain": metrics, "range": list(DASHES[: len(metrics)])}}  # fmt: skip
    tooltip = [
        describe("g", "group"),
        describe("epoch", "epoch"),
        describe("metric", "measure"),
        describe("mean", "mean", ".4f"),
        describe("low", "lowest stage", ".4f"),
        describe("high", "highest stage", ".4f"),
        describe("stages", "stages"),
    ]
    band = {
        "mark": {"type": "area", "opacity": 1, "fillOpacity": 0.12},
        "encoding": {"x": x, "y": y | {"field": "low"}, "y2": {"field": "high"}, "color": colour,
                     "detail": {"field": "metric"}},
    }  # fmt: skip
    line = {
        "mark": {"type": "line", "strokeWidth": 2},
        "encoding": {"x": x, "y": y | {"field": "mean"}, "color": colour, "strokeDash": dash},
    }
    dot = {
        "name": "epochs",
        "mark": {"type": "point", "filled": True, "size": 30, "opacity": 1},
        "encoding": {"x": x, "y": y | {"field": "mean"}, "color": colour, "tooltip": tooltip},
    }
    return {
        "height": 160,
        "data": {"name": "training"},
        "transform": [{"filter": f"datum.stage === '{stage}' && datum.kind === '{measure}'"}],
        "layer": [band, line, dot],
    }


def _colour_groups(study: Study, curves: Rows) -> Spec:
    """The colours that the groups have in every figure; what they share is grey."""
    groups, _ = choose_groups(study)
    colours = {level: PALETTE[place % len(PALETTE)] for place, level in enumerate(groups.levels)}
    levels = [level for level in (SHARED, *groups.levels) if any(row["g"] == level for row in curves)]
    scale = {"domain": levels, "range": [colours.get(level, GREY) for level in levels]}
    title = {"title": wrap_title(groups.title)} if len(levels) > 1 else None
    return {"field": "g", "type": "nominal", "scale": scale, "legend": title}
