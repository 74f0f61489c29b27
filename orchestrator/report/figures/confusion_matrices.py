"""Confusion matrices before and after the attack."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.report.analysis.image_results import WHEN, ImageResults, list_confusions
from orchestrator.report.analysis.study import Study
from orchestrator.report.figures.encodings import INK, describe
from orchestrator.report.figures.figure import Figure, Panel, Spec

MOST_CLASSES = 20
"""A larger matrix has no numbers and no names: it is read as a picture."""
SIDE = 150
"""Of a matrix, in 1/72 inch; a page enlarges it, with all that is written on it."""
LETTER = 8
"""Size of the letters of its axes."""


def draw_confusion_matrices(study: Study, results: Sequence[ImageResults], classes: Sequence[str]) -> Figure | None:
    """A panel for the clean images of each model, and one for the adversarial images of each attack on it: true class
    down, predicted class across.
    """
    if not results:
        return None
    panels = [
        Panel(_name_panel(result, when), _draw_matrix(model, when, classes))
        for model, result in enumerate(results)
        for when in WHEN
        if when != "clean" or not model or results[model - 1].configuration is not result.configuration
    ]
    rows = list_confusions(results, classes)
    attack = study.strongest.label if not results[0].attack else "every attack"
    title = f"{study.dataset}, {attack}: images by true and predicted class"
    models = len({result.configuration.key for result in results})
    columns = 4 if len(panels) == 2 * models else max(2, len(panels) // models)
    return Figure("confusion_matrices", title, tuple(panels), {"confusions": rows}, columns, ())


def _name_panel(result: ImageResults, when: str) -> str:
    images = result.attack if result.attack and when != "clean" else f"{when} images"
    return f"{images}: {result.configuration.label}"


def _draw_matrix(model: int, when: str, classes: Sequence[str]) -> Spec:
    few = len(classes) <= MOST_CLASSES
    domain = {"domain": list(classes)}
    axis = {
        "labels": few,
        "ticks": False,
        "domain": False,
        "labelLimit": 60,
        "labelPadding": 3,
        "labelFontSize": LETTER,
        "titleFontSize": LETTER,
        "titlePadding": 4,
    }
    along = {"labelAngle": -90} if max(map(len, classes)) > 2 else {"labelAngle": 0}
    place = {
        "x": {"field": "predicted", "type": "ordinal", "title": "predicted class", "scale": domain,
              "axis": axis | along},
        "y": {"field": "true", "type": "ordinal", "title": "true class", "scale": domain, "axis": axis},
    }  # fmt: skip
    tooltip = [
        describe("true", "true class"),
        describe("predicted", "predicted class"),
        describe("count", "images"),
        describe("share", "of the true class", ".1%"),
    ]
    cell = {
        "name": "cells",
        "mark": {"type": "rect", "tooltip": True, "color": "#4269d0"},
        "encoding": place | {"tooltip": tooltip, "fillOpacity": {"field": "share", "type": "quantitative",
                             "legend": None,
                             "scale": {"domain": [0, 1], "range": [0.08, 1]}}},
    }  # fmt: skip
    number = {
        "mark": {"type": "text", "fontSize": 8},
        "encoding": place | {
            "text": {"field": "count", "type": "quantitative"},
            "color": {"condition": {"test": "datum.share > 0.45", "value": "white"}, "value": INK},
        },
    }  # fmt: skip
    return {
        "width": SIDE,
        "height": SIDE,
        "data": {"name": "confusions"},
        "transform": [{"filter": f"datum.model === {model} && datum.when === '{when}'"}],
        "layer": [cell, number] if few else [cell],
    }
