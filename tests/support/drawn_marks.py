"""What a figure shows, mark by mark: Vega describes each with all its numbers."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import vl_convert

from orchestrator.report.figures.figure import Figure
from orchestrator.report.figures.files import compose_figure


@dataclass(frozen=True)
class Mark:
    """A point, a cell, a line or a text as it is drawn."""

    panel: int
    layer: str
    item: dict[str, Any]
    says: dict[str, str] = field(default_factory=dict)
    """Title of an axis or of a line of the tooltip -> value; of titles that recur the last."""


def read_marks(figure: Figure, layer: str) -> list[Mark]:
    """The marks of the layers of this name, panel by panel, as a file shows them."""
    return [
        Mark(panel, layer, item, parse_description(str(item.get("description", ""))))
        for panel in range(len(figure.panels))
        for item in _find_items(_draw(figure), f"{layer}_{panel}_marks")
    ]


def read_numbers(figure: Figure, panel: int = 0) -> list[str]:
    """The texts of the marks of a panel, such as the numbers in the cells of a heat map, in the order of drawing."""
    (group,) = _find_items(_draw(figure), f"concat_{panel}_group")
    texts = [mark for mark in group["items"] if mark["marktype"] == "text"]
    return [str(item["text"]) for mark in texts for item in mark["items"]]


def _draw(figure: Figure) -> dict[str, Any]:
    """The scene of a figure, in which every mark is described."""
    spec = compose_figure(figure)
    spec["config"] = {**spec["config"], "aria": True}
    return _draw_spec(json.dumps(spec))


@functools.lru_cache(maxsize=32)
def _draw_spec(spec: str) -> dict[str, Any]:
    """Drawn once: several layers of a figure are read, and several tests read the same figure."""
    scene: dict[str, Any] = vl_convert.vegalite_to_scenegraph(spec)["scenegraph"]
    return scene


def parse_description(text: str) -> dict[str, str]:
    """`title: value; title: value`."""
    return dict(part.split(": ", 1) for part in text.split("; ") if ": " in part)


def _find_items(node: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """The items of every mark of this name below a node of the scene."""
    if node.get("name") == name:
        yield from node["items"]
    for child in node.get("items", []):
        yield from _find_items(child, name)
