"""`advsweep report`: read the sweeps, analyse them, draw, and write the page and its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.report.analysis.findings import analyse_studies
from orchestrator.report.analysis.image_results import ImageRecords
from orchestrator.report.analysis.report_data import ReportData, load_report_data
from orchestrator.report.figures.collection import draw_study, make_suffix
from orchestrator.report.figures.files import FORMATS, write_figures
from orchestrator.report.figures.requests import ask_for_figure, draw_asked, draw_named
from orchestrator.report.page.render import render_page
from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tasks.errors import UsageError
from tasks.local_paths import list_missing_folders, parse_local_path
from tasks.temporary import use_temporary_folder

PAGE = "report.html"


@dataclass(frozen=True)
class WrittenReport:
    """What a report left where."""

    page: str
    """Path or URI of the page."""
    files: tuple[str, ...]
    """Names of everything beside it, the page included."""


@dataclass(frozen=True)
class WrittenFigures:
    """Figures that were asked for by themselves."""

    files: tuple[str, ...]
    """Paths or URIs."""
    notes: tuple[str, ...]
    """What a reader should know of them."""


def write_report(
    sweeps: Sequence[SweepStore], out: Path | None, formats: Sequence[str], data_dir: Path | None
) -> WrittenReport:
    """Write the report of one or several sweeps.

    :param out: a folder; null: the folder `report` of the first sweep, wherever its storage is.
    :param data_dir: root of the data sets, for nothing but the names of their classes.
    :raises UsageError: the folder cannot be written.
    """
    if out is not None:
        out = parse_local_path(out, "--out")
        _check_folder(out)
    data = load_report_data(sweeps)
    with use_temporary_folder() as folder:
        make_report(data, folder, formats, data_dir)
        names = _list_names(folder)
        places = _copy_to_storage(sweeps[0], folder) if out is None else _copy_to_folder(folder, out)
    return WrittenReport(places[-1], names)


def write_figure_files(
    sweeps: Sequence[SweepStore],
    asked: Sequence[str],
    where: Mapping[str, Any],
    out: Path | None,
    formats: Sequence[str],
    data_dir: Path | None,
) -> WrittenFigures:
    """Write some figures alone.

    :param asked: names of figures of the spaces, or kinds, or beginnings of either.
    :param where: narrows what each of them draws; a key replaces that of the figure.
    :param formats: the kinds of files; none: all.
    :raises UsageError: a name is unknown, nothing is selected or drawn, or the folder cannot be written.
    """
    if out is not None:
        out = parse_local_path(out, "--out")
        _check_folder(out)
    data = load_report_data(sweeps)
    records = ImageRecords(data.store)
    wanted = dict(ask_for_figure(data, name, where) for name in asked)
    drawn = [draw_asked(name, request, data, records, data_dir) for name, request in wanted.items()]
    with use_temporary_folder() as folder:
        write_figures([figure for one in drawn for figure in one.figures], folder, formats or FORMATS)
        places = _copy_to_storage(sweeps[0], folder) if out is None else _copy_to_folder(folder, out)
    said = [note for one in drawn for note in (*one.notes, one.doubts) if note]
    return WrittenFigures(tuple(places), (*records.notes, *said))


def make_report(data: ReportData, folder: Path, formats: Sequence[str], data_dir: Path | None) -> None:
    """Write everything into a local folder."""
    records = ImageRecords(data.store)
    drawn = [(found, draw_study(found)) for found in analyse_studies(data, records, data_dir)]
    named = [(facts, draw_named(facts, data, records, data_dir)) for facts in data.sweeps if facts.figures]
    for found, figures in drawn:
        write_figures(figures, folder, formats, make_suffix(found.study.dataset, len(drawn)))
    write_figures([figure for _, asked in named for one in asked for figure in one.figures], folder, formats)
    (folder / PAGE).write_text(render_page(data, drawn, named, formats, records.notes), encoding="utf-8")


def _copy_to_storage(sweep: SweepStore, folder: Path) -> list[str]:
    """:returns: where each file is now."""
    names = _list_names(folder)
    for name in names:
        sweep.storage.write(sweep.path(paths.REPORT, name), (folder / name).read_bytes())
    return [sweep.storage.describe_place(sweep.path(paths.REPORT, name)) for name in names]


def _check_folder(out: Path) -> None:
    """:raises UsageError: nothing can be written there; found out before the work, which may fail: nothing is left."""
    probe = out / paths.make_temporary_name(PAGE, "probe")
    missing = list_missing_folders(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
        for folder in missing:
            folder.rmdir()
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written: {error.strerror or error}") from error


def _copy_to_folder(folder: Path, out: Path) -> list[str]:
    """:returns: where each file is now."""
    names = _list_names(folder)
    out.mkdir(parents=True, exist_ok=True)
    for name in names:
        draft = out / paths.make_temporary_name(name, "report")
        draft.write_bytes((folder / name).read_bytes())
        draft.replace(out / name)
    return [str(out / name) for name in names]


def _list_names(folder: Path) -> tuple[str, ...]:
    """The page last: once it is there, everything is."""
    return tuple(sorted((file.name for file in folder.iterdir()), key=lambda name: (name == PAGE, name)))
