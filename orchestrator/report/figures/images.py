"""Attacked images beside their originals and the amplified perturbation."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.report.analysis.attacked_images import Gallery, list_images
from orchestrator.report.analysis.study import Study
from orchestrator.report.figures.encodings import INK, describe
from orchestrator.report.figures.figure import Figure, Panel, Spec

SIDE, ACROSS, DOWN = 48, 74, 66
"""Side of a picture, and what a picture with its text, such as `witness: automobile`, takes across and down, in 1/72
inch."""


def draw_images(study: Study, gallery: Gallery, classes: Sequence[str]) -> Figure | None:
    """A panel for each model: original, adversarial image with what the model says of it, perturbation around grey."""
    if not gallery.attacked:
        return None
    rows = list_images(gallery, classes)
    panels = []
    for model, found in enumerate(gallery.attacked):
        columns = list(dict.fromkeys(row["column"] for row in rows if row["model"] == model))
        panels.append(Panel(found.title, _draw_model(model, columns, len(gallery.index))))
    title = study.dataset if gallery.attacked[0].attack else f"{study.dataset}, {study.strongest.label}"
    return Figure("images", title, tuple(panels), {"images": rows}, 4, ())


def _draw_model(model: int, columns: Sequence[str], images: int) -> Spec:
    axis = {
        "orient": "top",
        "labelAngle": 0,
        "labelFontSize": 7,
        "labelLimit": ACROSS + 16,
        "ticks": False,
        "domain": False,
    }
    place = {
        "x": {"field": "column", "type": "ordinal", "title": None, "scale": {"domain": list(columns)}, "axis": axis},
        "y": {"field": "place", "type": "ordinal", "title": None, "axis": None},
    }
    picture = {
        "name": "pictures",
        "mark": {"type": "image", "width": SIDE, "height": SIDE, "smooth": False},
        "encoding": place | {
            "url": {"field": "picture"},
            "description": {"field": "text"},
            "tooltip": [describe("column", "image"), describe("place", "place in the split"),
                        describe("text", "class")],
        },
    }  # fmt: skip
    colours = [
        {"test": "datum.state === 'right'", "value": {"expr": "good"}},
        {"test": "datum.state === 'wrong'", "value": {"expr": "bad"}},
    ]
    text = {
        "mark": {"type": "text", "dy": SIDE / 2 + 7, "fontSize": 8, "limit": ACROSS - 2},
        "encoding": place | {"text": {"field": "text"}, "color": {"condition": colours, "value": INK}},
    }
    return {
        "width": ACROSS * len(columns),
        "height": DOWN * images,
        "data": {"name": "images"},
        "transform": [{"filter": f"datum.model === {model}"}],
        "layer": [picture, text],
    }
