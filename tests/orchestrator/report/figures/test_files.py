"""Figures as files."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from orchestrator.report.analysis.selected_configurations import select_configurations
from orchestrator.report.analysis.study import Study
from orchestrator.report.analysis.tables import StudyTables
from orchestrator.report.figures.figure import Figure, Panel
from orchestrator.report.figures.files import FORMATS, compose_figure, render_figure, write_figures
from orchestrator.report.figures.heat_map import draw_heat_map
from orchestrator.report.figures.tradeoff import draw_tradeoff
from tests.support.drawn_marks import read_marks


@pytest.fixture(scope="module")
def figure(made_study: Study, made_tables: StudyTables) -> Figure:
    return draw_tradeoff(made_study, made_tables)


@pytest.fixture(scope="module")
def made(figure: Figure) -> dict[str, bytes]:
    return render_figure(figure, FORMATS)


def test_text_of_an_svg_is_text(made: dict[str, bytes]) -> None:
    svg = made["svg"].decode()
    texts = re.findall(r"<text[^>]*>([^<]+)</text>", svg)
    assert {"robust accuracy", "clean accuracy (test split)", "0.9, 24/255"} <= set(texts)


def test_a_pdf_embeds_truetype_fonts(made: dict[str, bytes]) -> None:
    assert made["pdf"].startswith(b"%PDF")
    assert b"/CIDFontType2" in made["pdf"], "TrueType outlines"
    assert b"/FontFile2" in made["pdf"], "embedded"
    assert b"/Type3" not in made["pdf"]


def test_a_png_has_300_dots_an_inch(made: dict[str, bytes]) -> None:
    image = Image.open(io.BytesIO(made["png"]))
    assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    width = re.search(r'<svg[^>]* width="([\d.]+)"', made["svg"].decode())
    assert width is not None
    assert image.width == pytest.approx(float(width[1]) * 300 / 72, abs=1)


def test_the_same_figure_gives_the_same_bytes(figure: Figure, made: dict[str, bytes]) -> None:
    again = render_figure(figure, FORMATS)
    assert (again["svg"], again["png"]) == (made["svg"], made["png"])
    parts = [sorted(re.sub(rb"\d{10} \d{5} n", b"", files["pdf"])) for files in (again, made)]
    assert parts[0] == parts[1], "the library lists the parts of a page in any order, and where each begins"


def test_panels_of_one_figure_draw_their_own_rows(made_study: Study, made_tables: StudyTables) -> None:
    """The shade of a cell is that of its number in every panel."""
    figure = draw_heat_map(made_study, made_tables, select_configurations(made_study))
    assert figure is not None
    marks = read_marks(figure, "cells")
    rates = {mark.item["fill"]: float(mark.says["robust"]) for mark in marks}
    assert len({mark.panel for mark in marks}) > 1
    assert len(rates) == len(set(rates.values())) > 6


PLAIN = {"height": 9, "data": {"name": "rows"}}
ACROSS = {"x": {"field": "a", "type": "quantitative"}}
DOTS = Panel("", {**PLAIN, "layer": [{"mark": "point", "encoding": ACROSS}]}, 100)
"""As little as can be drawn."""


def make_panel(title: str, across: int, **more: object) -> Panel:
    layers = [{"name": "dots", "mark": "point"}, {"mark": "rule"}]
    return Panel(title, {**PLAIN, "layer": layers, **more}, across)


def test_files_are_named_by_figure_and_format(tmp_path: Path) -> None:
    figure = Figure("dots", "", (DOTS,), {"rows": []})
    found = write_figures([figure], tmp_path / "new", ("png", "svg"), "-digits")
    assert [path.name for path in found] == ["dots-digits.png", "dots-digits.svg"]
    assert write_figures([figure], tmp_path / "none", ()) == []
    assert not (tmp_path / "none").exists()


def test_panels_are_put_together_with_their_widths_titles_and_choices() -> None:
    """A layer has a name of its own in each panel; a title is broken where its panel ends, or the first row of them."""
    panels = (make_panel("", 100), make_panel("one two three four five six", 100), make_panel("third", 0, width=70))
    panels = (panels[0], replace(panels[1], params={"attack": 4}), replace(panels[2], params={"model1": 2}))
    figure = Figure("name", "a title of some words " * 3, panels, {"rows": [{"a": 1}]}, 2, ("color", "shape"))
    found = compose_figure(figure)
    assert found["title"] == {
        "text": ["a title of some words a title of some words a", "title of some words"],
        "anchor": "start", "fontSize": 12, "offset": 10,
    }  # fmt: skip
    assert {each["name"]: each["value"] for each in found["params"]} == {
        "ink": "#22262e", "paper": "white", "good": "#1e7d43", "bad": "#b3261e", "attack": 4, "model1": 2
    }  # fmt: skip
    layers = [[{"name": f"dots_{place}", "mark": "point"}, {"mark": "rule"}] for place in range(3)]
    title = {"anchor": "start", "fontSize": 10, "offset": 10}
    assert found["concat"] == [
        {**PLAIN, "layer": layers[0], "width": 100},
        {**PLAIN, "layer": layers[1], "width": 100, "title": {"text": ["one two three", "four five six"], **title}},
        {**PLAIN, "layer": layers[2], "width": 70, "title": {"text": ["third"], **title}},
    ]
    assert (found["columns"], found["datasets"]) == (2, {"rows": [{"a": 1}]})
    assert found["resolve"] == {"scale": {"color": "shared", "shape": "shared"}}
    assert figure.panels[0].spec["layer"][0]["name"] == "dots", "what is composed is left as it is"


def test_a_figure_in_a_file_is_dark_on_white_and_its_letters_can_be_read() -> None:
    ink, faint, grid = "#22262e", "#5d6675", "#e4e7ec"
    letters = {"labelColor": ink, "titleColor": ink, "titleFontWeight": "normal"}
    sizes = {"labelFontSize": 10, "titleFontSize": 10}
    config = compose_figure(Figure("name", "title", (make_panel("", 100),), {}))["config"]
    assert config.pop("font").split(",")[0]
    assert config == {
        "background": "white",
        "aria": False,
        "view": {"stroke": None},
        "title": {"color": ink, "fontWeight": "bold"},
        "axis": {**letters, **sizes, "gridColor": grid, "domainColor": faint, "tickColor": faint},
        "legend": {
            **letters, **sizes, "orient": "right", "symbolLimit": 40, "labelLimit": 220, "titleLimit": 260,
            "symbolOpacity": 1, "symbolBaseFillColor": faint, "symbolBaseStrokeColor": faint,
        },
    }  # fmt: skip


def test_a_very_long_title_ends_somewhere() -> None:
    figure = Figure("name", "x " * 400, (make_panel("", 100),), {})
    assert len(" ".join(compose_figure(figure)["title"]["text"])) == 299


def test_a_box_stands_for_what_no_font_has(tmp_path: Path) -> None:
    figure = Figure("name", "a \N{GRINNING FACE} b", (DOTS,), {"rows": []})
    (file,) = write_figures([figure], tmp_path, ("svg",))
    assert ">a \N{WHITE SQUARE} b<" in file.read_text("utf-8")
