"""A figure of a report, for a notebook or a file."""

from __future__ import annotations

from pathlib import Path

from orchestrator.report.analysis.findings import analyse_studies
from orchestrator.report.analysis.image_results import ImageRecords
from orchestrator.report.analysis.report_data import load_report_data
from orchestrator.report.figures.collection import draw_study, make_suffix
from orchestrator.report.figures.figure import Figure
from orchestrator.report.figures.files import FORMATS, render_figure
from orchestrator.store.sweep_store import SweepStore
from tasks.errors import UsageError, list_choices


class SweepFigure:
    """One figure, as `advsweep report` draws it. A notebook shows it."""

    def __init__(self, name: str, figure: Figure) -> None:
        self.name = name
        self._figure = figure

    @property
    def title(self) -> str:
        """What stands above it."""
        return self._figure.title

    @property
    def svg(self) -> str:
        """As an SVG document."""
        return render_figure(self._figure, ("svg",))["svg"].decode()

    def save(self, path: str | Path) -> Path:
        """Write it to a file.

        :param path: ends in `.svg`, `.pdf` or `.png`.
        :raises UsageError: it ends in something else.
        """
        path = Path(path)
        form = path.suffix.removeprefix(".").lower()
        if form not in FORMATS:
            raise UsageError(f"{path}: unknown format; {list_choices(FORMATS, form)}")
        path.write_bytes(render_figure(self._figure, (form,))[form])
        return path

    def __repr__(self) -> str:
        return f"<SweepFigure {self.name}: {self.title}>"

    def _repr_svg_(self) -> str:
        """What a notebook shows."""
        return self.svg


def draw_figures(sweep: SweepStore, data_dir: Path | None) -> dict[str, SweepFigure]:
    """Every figure that there is something to draw for, by its name.

    :param data_dir: root of the data sets, for nothing but the names of their classes.
    """
    data = load_report_data([sweep])
    found = analyse_studies(data, ImageRecords(data.store), data_dir)
    named = (
        (f"{figure.name}{make_suffix(one.study.dataset, len(found))}", figure)
        for one in found
        for figure in draw_study(one)
    )
    return {name: SweepFigure(name, figure) for name, figure in named}
