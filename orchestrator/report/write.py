"""`advsweep report`: gather, look, and write the page and its figures."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.report.answers import answers
from orchestrator.report.closeup import ImageRecords, class_names, closeups
from orchestrator.report.figures import write_figures
from orchestrator.report.figures.closer import write_closer_figures
from orchestrator.report.gallery import gallery
from orchestrator.report.gather import Gathered, gather
from orchestrator.report.page import Look, page
from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tasks.errors import UsageError

PAGE = "report.html"


@dataclass(frozen=True)
class Written:
    """What a report left where."""

    page: str
    """Path or URI of the page."""
    files: tuple[str, ...]
    """Names of everything beside it, the page included."""


def write_report(
    sweeps: Sequence[SweepStore], out: Path | None, formats: Sequence[str], data_dir: Path | None
) -> Written:
    """Write the report of one or several sweeps.

    :param out: a folder; null: the folder `report` of the first sweep, wherever its storage is.
    :param data_dir: root of the data sets, for nothing but the names of their classes.
    :raises UsageError: the folder cannot be written.
    """
    if out is not None:
        _check(out)
    gathered = gather(sweeps)
    with tempfile.TemporaryDirectory(prefix="advsweep-") as name:
        folder = Path(name)
        make_report(gathered, folder, formats, data_dir)
        return _to_storage(sweeps[0], folder) if out is None else _to_folder(folder, out)


def make_report(gathered: Gathered, folder: Path, formats: Sequence[str], data_dir: Path | None) -> None:
    """Write everything into a local folder."""
    records = ImageRecords(gathered.store)
    looks = []
    for study in gathered.studies:
        known = answers(study, records.robust)
        names = class_names(study, gathered.data, data_dir)
        looks.append(Look(study, known, closeups(study, records), gallery(study, records), names))
    rows = [row for study in gathered.studies for row in study.rows]
    write_figures(rows, folder, formats)
    write_closer_figures(gathered, looks, folder, formats)
    text = page(gathered, looks, formats, records.notes)
    (folder / PAGE).write_text(text, encoding="utf-8")


def _to_storage(sweep: SweepStore, folder: Path) -> Written:
    names = _names(folder)
    for name in names:
        sweep.storage.write(sweep.path(paths.REPORT, name), (folder / name).read_bytes())
    return Written(sweep.storage.place(sweep.path(paths.REPORT, PAGE)), names)


def _check(out: Path) -> None:
    """:raises UsageError: nothing can be written there; found out before the work."""
    probe = out / paths.temporary(PAGE, "probe")
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written: {error.strerror or error}") from error


def _to_folder(folder: Path, out: Path) -> Written:
    names = _names(folder)
    for name in names:
        draft = out / paths.temporary(name, "report")
        draft.write_bytes((folder / name).read_bytes())
        draft.replace(out / name)
    return Written(str(out / PAGE), names)


def _names(folder: Path) -> tuple[str, ...]:
    """The page last: once it is there, everything is."""
    return tuple(sorted((file.name for file in folder.iterdir()), key=lambda name: (name == PAGE, name)))
