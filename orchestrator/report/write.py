"""`advsweep report`: read the sweeps, analyse them, draw, and write the page and its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.report.analysis.findings import analyse_studies
from orchestrator.report.analysis.image_results import ImageRecords
from orchestrator.report.analysis.report_data import ReportData, load_report_data
from orchestrator.report.figures.collection import draw_study, make_suffix
from orchestrator.report.figures.files import write_figures
from orchestrator.report.page.render import render_page
from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tasks.errors import UsageError
from tasks.local_paths import parse_local_path
from tasks.temporary import use_temporary_folder

PAGE = "report.html"


@dataclass(frozen=True)
class WrittenReport:
    """What a report left where."""

    page: str
    """Path or URI of the page."""
    files: tuple[str, ...]
    """Names of everything beside it, the page included."""


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
        return _write_to_storage(sweeps[0], folder) if out is None else _write_to_folder(folder, out)


def make_report(data: ReportData, folder: Path, formats: Sequence[str], data_dir: Path | None) -> None:
    """Write everything into a local folder."""
    records = ImageRecords(data.store)
    drawn = [(found, draw_study(found)) for found in analyse_studies(data, records, data_dir)]
    for found, figures in drawn:
        write_figures(figures, folder, formats, make_suffix(found.study, len(drawn)))
    (folder / PAGE).write_text(render_page(data, drawn, formats, records.notes), encoding="utf-8")


def _write_to_storage(sweep: SweepStore, folder: Path) -> WrittenReport:
    names = _list_names(folder)
    for name in names:
        sweep.storage.write(sweep.path(paths.REPORT, name), (folder / name).read_bytes())
    return WrittenReport(sweep.storage.describe_place(sweep.path(paths.REPORT, PAGE)), names)


def _check_folder(out: Path) -> None:
    """:raises UsageError: nothing can be written there; found out before the work."""
    probe = out / paths.make_temporary_name(PAGE, "probe")
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written: {error.strerror or error}") from error


def _write_to_folder(folder: Path, out: Path) -> WrittenReport:
    names = _list_names(folder)
    for name in names:
        draft = out / paths.make_temporary_name(name, "report")
        draft.write_bytes((folder / name).read_bytes())
        draft.replace(out / name)
    return WrittenReport(str(out / PAGE), names)


def _list_names(folder: Path) -> tuple[str, ...]:
    """The page last: once it is there, everything is."""
    return tuple(sorted((file.name for file in folder.iterdir()), key=lambda name: (name == PAGE, name)))
