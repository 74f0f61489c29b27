"""Which figures there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.report.figures.collection import make_suffix, write_row_figures
from orchestrator.store.sweep_store import SweepStore
from tests.support.report_data import WITHOUT_TUNING, made_up

NAMES = ("tradeoff", "axes", "security_curves", "heat_map")


@pytest.mark.slow
def test_rows_alone_permit_four_figures(made_sweep: SweepStore, tmp_path: Path) -> None:
    found = write_row_figures(made_sweep.rows(), tmp_path / "new")
    assert [path.name for path in found] == [f"{name}.png" for name in NAMES]
    assert all(path.read_bytes()[:4] == b"\x89PNG" for path in found)
    assert write_row_figures([], tmp_path / "none") == []
    assert not (tmp_path / "none").exists()


def test_each_data_set_has_files_of_its_own(tmp_path: Path) -> None:
    rows = made_up(tmp_path / "s", {**WITHOUT_TUNING, "seed": 0}, images=False).rows()
    both = [*rows, *({**row, "dataset": "My data: 2"} for row in rows)]
    found = write_row_figures(both, tmp_path / "out", ("svg",))
    assert {path.name for path in found} == {f"{name}-{end}.svg" for name in NAMES for end in ("digits", "my-data-2")}


def test_figures_take_any_text_as_letters(tmp_path: Path) -> None:
    rows = [{**row, "model": f"$\\frac{{{row['seed']}}}$ <b>&'\" _^ 😀 {'m' * 200}"}
            for row in made_up(tmp_path / "s", {**WITHOUT_TUNING, "seed": 0}, images=False).rows()]  # fmt: skip
    svg = next(path for path in write_row_figures(rows, tmp_path / "out", ("svg",)) if path.stem == "tradeoff")
    assert "<b>" not in svg.read_text("utf-8")


@pytest.mark.parametrize(
    ("dataset", "studies", "suffix"),
    [("MNIST", 1, ""), ("MNIST", 2, "-mnist"), ("a_b 3.c!", 2, "-a_b-3-c"), ("...", 2, "-data"),
     ("x" * 50, 3, "-" + "x" * 40)],
)  # fmt: skip
def test_files_of_several_data_sets_end_in_their_names(dataset: str, studies: int, suffix: str) -> None:
    assert make_suffix(dataset, studies) == suffix
