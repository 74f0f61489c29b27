"""Where a report is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pyarrow import fs

from orchestrator.report import write
from orchestrator.report.analysis.image_results import ImageRecords
from orchestrator.report.figures.requests import Requested
from orchestrator.report.write import write_figure_files, write_report
from orchestrator.store.sweep_store import SweepStore
from tasks.storage.object_store import ObjectStore
from tasks.storage.storage import Storage
from tests.support.command_line import run_here, run_lean
from tests.support.report_data import WITHOUT_TUNING, made_up
from tests.support.report_page import replace_library


@pytest.mark.slow
def test_the_command_writes_into_the_storage(made_sweep: SweepStore, tmp_path: Path) -> None:
    storage = made_sweep.storage.local
    assert storage is not None
    shown = run_lean("report", "made", "--storage", storage, "--formats", "svg, pdf,png")
    folder = storage / "sweeps" / made_sweep.sweep_id / "report"
    names = {path.name for path in folder.iterdir()}
    assert str(folder / "report.html") in shown
    for figure in ("tradeoff", "security_curves", "heat_map", "axes", "confusion_matrices", "confidence", "images"):
        assert {f"{figure}.{form}" for form in ("svg", "pdf", "png")} <= names
    wrong = run_here("report", "made", "--storage", storage, "--formats", "svgg")
    assert (wrong.code, "did you mean 'svg'?" in wrong.stderr) == (2, True)
    missing = run_here("report", "mode", "--storage", storage)
    assert (missing.code, "there is no sweep 'mode'" in missing.stderr) == (2, True)
    (tmp_path / "file").write_text("")
    taken = run_here("report", "made", "--storage", storage, "--formats", "", "--out", tmp_path / "file")
    assert (taken.code, "cannot be written" in taken.stderr) == (2, True)


def test_the_report_lies_in_the_storage_wherever_that_is(tmp_path: Path) -> None:
    sweep = made_up(tmp_path / "s", WITHOUT_TUNING, images=False)
    (tmp_path / "s" / "sweeps" / sweep.sweep_id / "report").mkdir()  # an object store has no folders to make
    elsewhere = fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())  # no local folder, as an object store
    storage = Storage("far://s", ObjectStore(elsewhere, "s"), 1.0)
    with replace_library() as library:
        written = write_report([SweepStore(storage, sweep.sweep_id)], None, (), None)
    assert written.page == f"far://s/sweeps/{sweep.sweep_id}/report/report.html"
    assert library in (tmp_path / "s" / "sweeps" / sweep.sweep_id / "report" / "report.html").read_text("utf-8")


def test_figures_alone_are_written_once_each_with_what_is_to_be_known_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = made_up(tmp_path / "s", WITHOUT_TUNING, images=False)
    asked: list[Any] = []

    def draw(name: str, request: Any, data: Any, records: ImageRecords, data_dir: Path | None) -> Requested:  # noqa: ARG001
        records.unread.add("one")
        asked.append((request.kind, dict(request.where), data_dir))
        return Requested(name, "title", (), (f"note of {name}",), f"doubts of {name}" if name == "axes" else "")

    def write_files(_: Any, folder: Path, formats: Sequence[str]) -> None:
        asked.append(tuple(formats))
        (folder / "b.svg").write_text("2")
        (folder / "a.svg").write_text("1")

    monkeypatch.setattr(write, "draw_asked", draw)
    monkeypatch.setattr(write, "write_figures", write_files)
    out, places = tmp_path / "new" / "out", ("axes", "trade", "tradeoff")
    written = write_figure_files([sweep], places, {}, out, (), Path("data"))
    assert written.files == (str(out / "a.svg"), str(out / "b.svg"))
    assert [path.read_text() for path in sorted(out.iterdir())] == ["1", "2"]
    unread = "The stored images of 1 trials cannot be read, so nothing is said of them"
    assert written.notes == (unread, "note of axes", "doubts of axes", "note of tradeoff")
    assert asked == [("axes", {}, Path("data")), ("tradeoff", {}, Path("data")), ("svg", "pdf", "png")]
    del asked[:]
    written = write_figure_files([sweep], ["heat"], {"seed": 1}, None, ("pdf",), None)
    folder = tmp_path / "s" / "sweeps" / sweep.sweep_id / "report"
    assert written.files == (str(folder / "a.svg"), str(folder / "b.svg"))
    assert asked == [("heat_map", {"seed": 1}, None), ("pdf",)]
