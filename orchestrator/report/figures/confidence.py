"""How sure the models are of what they predict, before the attack and after it."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.report.analysis.image_results import BINS, WHEN, ImageResults, bin_confidence
from orchestrator.report.analysis.study import Study
from orchestrator.report.figures.encodings import PERCENT, WHOLE, describe, encode_measures
from orchestrator.report.figures.figure import Figure, Panel, Spec


def draw_confidence(study: Study, results: Sequence[ImageResults]) -> Figure | None:
    """A panel of two histograms for each model."""
    if not results:
        return None
    panels = [Panel(result.title, _draw_histograms(model), 220) for model, result in enumerate(results)]
    attack = "" if results[0].attack else f", {study.strongest.label}"
    title = f"Confidence: {study.dataset}{attack}"
    return Figure("confidence", title, tuple(panels), {"confidence": bin_confidence(results)}, 2)


def _draw_histograms(model: int) -> Spec:
    x = {"field": "from", "bin": {"binned": True, "step": 1 / BINS}, "type": "quantitative", "title": "confidence",
         "scale": WHOLE, "axis": {"format": PERCENT, "values": [0, 0.25, 0.5, 0.75, 1]}}  # fmt: skip
    y = {"field": "share", "type": "quantitative", "title": "share of images", "stack": None,
         "axis": {"format": PERCENT, "tickCount": 5}}  # fmt: skip
    tooltip = [
        describe("when", "images"),
        describe("from", "from", PERCENT),
        describe("to", "to", PERCENT),
        describe("share", "share", ".1%"),
    ]
    bars = {
        "name": "bars",
        "mark": {"type": "bar", "opacity": 1, "fillOpacity": 0.55, "binSpacing": 0},
        "encoding": {"x": x, "x2": {"field": "to"}, "y": y, "color": encode_measures("when", WHEN), "tooltip": tooltip},
    }
    chosen = {"filter": f"datum.model === {model}"}
    return {"height": 150, "data": {"name": "confidence"}, "transform": [chosen], "layer": [bars]}
