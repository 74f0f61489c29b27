"""A figure of a report in a notebook and as a file."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from advsweep import figure as figures
from advsweep.figure import SweepFigure, draw_figures
from tasks.errors import UsageError


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> SweepFigure:
    def render(figure: Any, forms: tuple[str, ...]) -> dict[str, bytes]:
        return {form: f"{figure.title} as {form}".encode() for form in forms}

    monkeypatch.setattr(figures, "render_figure", render)
    return SweepFigure("tradeoff-digits", SimpleNamespace(title="Clean against robust"))  # type: ignore[arg-type]


def test_a_notebook_shows_it_as_svg(made: SweepFigure) -> None:
    assert made.title == "Clean against robust"
    assert made.svg == made._repr_svg_() == "Clean against robust as svg"
    assert repr(made) == "<SweepFigure tradeoff-digits: Clean against robust>"


@pytest.mark.parametrize(("name", "form"), [("a.svg", "svg"), ("a.b.PDF", "pdf"), ("a.png", "png")])
def test_the_name_of_a_file_says_its_form(name: str, form: str, made: SweepFigure, tmp_path: Path) -> None:
    assert made.save(str(tmp_path / name)) == tmp_path / name
    assert (tmp_path / name).read_text() == f"Clean against robust as {form}"


@pytest.mark.parametrize("name", ["a.svgz", "svg", "a.pgn"])
def test_another_form_is_refused_and_nothing_is_written(name: str, made: SweepFigure, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"{name}: unknown format; choose from pdf, png, svg"):
        made.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_figures_are_named_by_their_data_set_where_there_are_several(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    names = ["mnist", "digits"]

    def analyse(data: Any, records: Any, data_dir: Path | None) -> list[Any]:
        asked.append((data, records, data_dir))
        return [SimpleNamespace(study=SimpleNamespace(dataset=name)) for name in names]

    def draw(one: Any) -> list[Any]:
        return [SimpleNamespace(name=kind, title=f"{kind} of {one.study.dataset}") for kind in ("axes", "heat_map")]

    monkeypatch.setattr(figures, "load_report_data", lambda sweeps: SimpleNamespace(store=f"store of {sweeps}"))
    monkeypatch.setattr(figures, "ImageRecords", lambda store: f"images in {store}")
    monkeypatch.setattr(figures, "analyse_studies", analyse)
    monkeypatch.setattr(figures, "draw_study", draw)
    found = draw_figures("sweep", Path("/data"))  # type: ignore[arg-type]
    assert {name: (figure.name, figure.title) for name, figure in found.items()} == {
        f"{kind}-{name}": (f"{kind}-{name}", f"{kind} of {name}") for name in names for kind in ("axes", "heat_map")
    }
    assert [(records, data_dir) for _, records, data_dir in asked] == [("images in store of ['sweep']", Path("/data"))]
    names.pop()
    assert list(draw_figures("sweep", None)) == ["axes", "heat_map"]  # type: ignore[arg-type]
