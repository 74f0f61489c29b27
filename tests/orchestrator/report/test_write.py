"""Where a report is written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pyarrow import fs

from orchestrator.report.write import write_report
from orchestrator.store.sweep_store import SweepStore
from tasks.storage.object_store import ObjectStore
from tasks.storage.storage import Storage
from tests.support.harness import advsweep
from tests.support.report_data import WITHOUT_TUNING, made_up

REPORT_OF_LITTLE = """
import sys
from orchestrator.cli import main
try:
    main()
finally:
    slow = {"torch", "pandas", "scipy.stats", "duckdb"} & set(sys.modules)
    assert not slow, f"a report of seconds imports {slow}"
"""


@pytest.mark.slow
def test_the_command_writes_into_the_storage(made_sweep: SweepStore, tmp_path: Path) -> None:
    storage = made_sweep.storage.local
    assert storage is not None
    arguments = ["report", "made", "--storage", str(storage), "--formats", "svg, pdf,png"]
    shown = subprocess.run(
        [sys.executable, "-c", REPORT_OF_LITTLE, *arguments], capture_output=True, text=True, check=True
    ).stdout
    folder = storage / "sweeps" / made_sweep.sweep_id / "report"
    names = {path.name for path in folder.iterdir()}
    assert str(folder / "report.html") in shown
    for figure in ("tradeoff", "security_curves", "heat_map", "axes", "confusion_matrices", "confidence", "images"):
        assert {f"{figure}.{form}" for form in ("svg", "pdf", "png")} <= names
    wrong = advsweep("report", "made", "--storage", storage, "--formats", "svgg", code=2)
    assert "did you mean 'svg'?" in wrong.stderr
    missing = advsweep("report", "mode", "--storage", storage, code=2)
    assert "there is no sweep 'mode'" in missing.stderr
    (tmp_path / "file").write_text("")
    assert "cannot be written" in advsweep(
        "report", "made", "--storage", storage, "--formats", "", "--out", tmp_path / "file", code=2
    ).stderr  # fmt: skip


def test_the_report_lies_in_the_storage_wherever_that_is(tmp_path: Path) -> None:
    sweep = made_up(tmp_path / "s", WITHOUT_TUNING, images=False)
    (tmp_path / "s" / "sweeps" / sweep.sweep_id / "report").mkdir()  # an object store has no folders to make
    elsewhere = fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())  # no local folder, as an object store
    storage = Storage("far://s", ObjectStore(elsewhere, "s"), 1.0)
    written = write_report([SweepStore(storage, sweep.sweep_id)], None, (), None)
    assert written.page == f"far://s/sweeps/{sweep.sweep_id}/report/report.html"
    assert (tmp_path / "s" / "sweeps" / sweep.sweep_id / "report" / "report.html").stat().st_size > 500_000
