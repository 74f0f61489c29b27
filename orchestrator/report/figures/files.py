"""Figures as files for papers: SVG with text as text, PDF with embedded TrueType fonts, PNG at 300 dots an inch.

`vl-convert` draws them, offline, by the same Vega as the page.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from orchestrator.report.figures.figure import Figure, Panel, Spec

FORMATS = ("svg", "pdf", "png")
DOTS_PER_INCH = 300
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
INK, FAINT, GRID = "#22262e", "#5d6675", "#e4e7ec"
COLOURS = {"ink": INK, "paper": "white", "good": "#1e7d43", "bad": "#b3261e"}
"""What the page sets for light and dark."""
PAIRED, BOX = re.compile("[\U00010000-\U0010ffff]"), "\u25a1"
"""Characters such as emoji, which are two units of JavaScript: the library fails where it shortens a text between them,
and the fonts have none of them. A box stands in their place.
"""
LETTER = 5.6
"""Width of a letter of a panel's title in 1/72 inch, about."""
LONGEST = 300
"""Letters of a title."""


def write_figures(figures: Iterable[Figure], folder: Path, formats: Sequence[str], suffix: str = "") -> list[Path]:
    """Write each figure in each format; the same figure gives the same bytes, but for the order of parts of a PDF.

    :param folder: made where it is missing and there is something to write.
    :param suffix: of the names of the files, before the ending.
    """
    written = []
    for figure in figures if formats else ():
        folder.mkdir(parents=True, exist_ok=True)
        for form, content in render_figure(figure, formats).items():
            path = folder / f"{figure.name}{suffix}.{form}"
            path.write_bytes(content)
            written.append(path)
    return written


def render_figure(figure: Figure, formats: Sequence[str]) -> dict[str, bytes]:
    """The content of a file for each format."""
    import vl_convert

    spec = json.dumps(compose_figure(figure), ensure_ascii=False)
    svg = vl_convert.vegalite_to_svg(PAIRED.sub(BOX, spec))
    made: dict[str, bytes] = {}
    for form in formats:
        if form == "svg":
            made[form] = svg.encode()
        elif form == "pdf":
            made[form] = vl_convert.svg_to_pdf(svg)
        else:
            made[form] = vl_convert.svg_to_png(svg, ppi=DOTS_PER_INCH)
    return made


def compose_figure(figure: Figure) -> Spec:
    """All panels of a figure as one description that needs nothing else."""
    params = COLOURS | {name: value for panel in figure.panels for name, value in panel.params.items()}
    widths = [panel.width or panel.spec["width"] for panel in figure.panels[: figure.columns]]
    return {
        "title": _make_title(figure.title, sum(widths) + 60 * len(widths), 12),
        "params": [{"name": name, "value": value} for name, value in params.items()],
        "concat": [_compose_panel(panel, place) for place, panel in enumerate(figure.panels)],
        "columns": figure.columns,
        "spacing": 28,
        "resolve": {"scale": dict.fromkeys(figure.shared, "shared")},
        "datasets": dict(figure.tables),
        "config": make_theme(),
    }


def _compose_panel(panel: Panel, place: int) -> Spec:
    """The names of layers are made unique: layers of one name would draw the rows of the first of them."""
    width = panel.width or panel.spec["width"]
    title = {"title": _make_title(panel.title, width, 10)} if panel.title else {}
    layers = [
        {**layer, "name": f"{layer['name']}_{place}"} if "name" in layer else layer for layer in panel.spec["layer"]
    ]
    return panel.spec | title | {"width": width, "layer": layers}


def _make_title(text: str, width: int, size: int) -> dict[str, Any]:
    """On as many lines as it takes."""
    lines = textwrap.wrap(text[:LONGEST], max(16, int(width / LETTER * 10 / size)))
    return {"text": lines, "anchor": "start", "fontSize": size, "offset": 10}


def make_theme() -> dict[str, Any]:
    """How figures in files look."""
    return {
        "background": "white",
        "font": FONT,
        "aria": False,
        "view": {"stroke": None},
        "title": {"color": INK, "fontWeight": "bold"},
        "axis": {"labelColor": INK, "titleColor": INK, "gridColor": GRID, "domainColor": FAINT, "tickColor": FAINT,
                 "titleFontWeight": "normal", "labelFontSize": 10, "titleFontSize": 10},
        "legend": {"orient": "right", "labelColor": INK, "titleColor": INK, "labelFontSize": 10, "titleFontSize": 10,
                   "titleFontWeight": "normal", "symbolLimit": 40, "labelLimit": 220, "titleLimit": 260,
                   "symbolOpacity": 1, "symbolBaseFillColor": FAINT, "symbolBaseStrokeColor": FAINT},
    }  # fmt: skip
