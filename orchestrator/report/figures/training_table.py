"""Loss and accuracy epoch by epoch, in numbers, with those of a paper below them."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.report.analysis.study import STAGE_NAMES, Study
from orchestrator.report.analysis.training_table import COLUMNS
from orchestrator.report.figures.encodings import INK, describe
from orchestrator.report.figures.figure import Figure, Panel, Rows, Spec

ACROSS, DOWN = 92, 30
"""What a number takes across and down, in 1/72 inch."""


def draw_training_table(study: Study, rows: Rows, stages: Sequence[str]) -> Figure | None:
    """A panel for each model and each kind of stage: an epoch down, a measure across.

    :param rows: of `list_epochs`.
    """
    panels = [
        Panel(f"{STAGE_NAMES[stage]}: {configuration.label}", _draw_table(rows, stage, model))
        for model, configuration in enumerate(study.configurations)
        for stage in stages
        if any((row["stage"], row["model"]) == (stage, model) for row in rows)
    ]
    if not panels:
        return None
    return Figure("training_table", f"Training, epoch by epoch: {study.dataset}", tuple(panels), {"epochs": rows}, 2)


def _draw_table(rows: Rows, stage: str, model: int) -> Spec:
    drawn = [row for row in rows if (row["stage"], row["model"]) == (stage, model)]
    columns = [name for name in COLUMNS.values() if any(row["column"] == name for row in drawn)]
    epochs = len({row["epoch"] for row in drawn})
    bare = {"ticks": False, "domain": False}
    place = {
        "x": {"field": "column", "type": "ordinal", "title": None, "scale": {"type": "band", "domain": columns},
              "axis": {"orient": "top", "labelAngle": 0, "labelLimit": ACROSS, **bare}},
        "y": {"field": "epoch", "type": "ordinal", "title": "epoch", "scale": {"type": "band"},
              "axis": {"grid": True, "tickBand": "extent", **bare}},
    }  # fmt: skip
    tooltip = [describe("epoch", "epoch"), describe("column", "measure"), describe("text", "measured"),
               describe("paper", "paper")]  # fmt: skip
    papers = any(row["paper"] for row in drawn)
    measured = {
        "name": "measured",
        "mark": {"type": "text", "fontSize": 11, "color": INK, "dy": -5 if papers else 0},
        "encoding": place | {"text": {"field": "text"}, "tooltip": tooltip},
    }
    reported = {
        "name": "reported",
        "transform": [{"filter": "datum.paper !== ''"}, {"calculate": "'paper ' + datum.paper", "as": "shown"}],
        "mark": {"type": "text", "fontSize": 9, "color": INK, "opacity": 0.65, "dy": 8},
        "encoding": place | {"text": {"field": "shown"}},
    }
    return {
        "width": ACROSS * len(columns),
        "height": DOWN * epochs,
        "data": {"name": "epochs"},
        "transform": [{"filter": f"datum.stage === '{stage}' && datum.model === {model}"}],
        "layer": [measured, reported] if papers else [measured],
    }
