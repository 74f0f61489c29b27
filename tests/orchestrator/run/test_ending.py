"""What is said at the end of a sweep."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from orchestrator.options import STORAGE_VARIABLE
from orchestrator.results.presentation import render_results
from orchestrator.run import ending
from orchestrator.store.sweep_store import SweepStore
from tests.support.certified_rows import IMAGES, StoredImages, attack, certificate
from tests.support.report_data import WITHOUT_TUNING, made_up


class Prepared:
    """What the end of a sweep asks of it."""

    def __init__(self, sweep: SweepStore) -> None:
        self.sweep, self.storage, self.plan = sweep, sweep.storage, sweep


def show(sweep: SweepStore, rows: list[dict[str, Any]]) -> str:
    shown = io.StringIO()
    ending.show_summary(cast("Any", Prepared(sweep)), rows, Console(file=shown, width=400))
    return shown.getvalue()


def test_the_table_at_the_end_is_that_of_results(tmp_path: Path) -> None:
    sweep = made_up(tmp_path, WITHOUT_TUNING)
    rows = sweep.rows()
    table = render_results(sweep, "table")
    assert "upper bound" in table
    for some in (rows, rows[::-1]):
        assert show(sweep, some).startswith(table)


def test_a_certificate_above_an_attack_is_an_alarm_at_the_end_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = StoredImages(
        randomized_smoothing={"clean_prediction": [1] * IMAGES, "radius": [1.0] * IMAGES},
        pgd={"adversarial_prediction": [0] * IMAGES, "l2": [0.1] * IMAGES},
    )
    sweep = made_up(tmp_path, WITHOUT_TUNING, finished=lambda place: place < 1, images=False)
    monkeypatch.setattr(ending, "make_reader", lambda _: read)
    shown = show(sweep, [certificate(600), attack(500)])
    assert "60.00 !a" in shown
    assert "50.00 !a" in shown
    assert "fools 40 of 40 images within their certified radius" in shown


def test_the_command_at_the_end_finds_the_sweep_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = made_up(tmp_path / "a storage", WITHOUT_TUNING, finished=lambda place: place < 1, images=False)
    place = tmp_path / "a storage"
    assert show(sweep, sweep.rows()).endswith(f"  advsweep results {sweep.sweep_id} --storage '{place}'\n")
    monkeypatch.setenv(STORAGE_VARIABLE, str(place))
    assert show(sweep, sweep.rows()).endswith(f"  advsweep results {sweep.sweep_id}\n")
    monkeypatch.delenv(STORAGE_VARIABLE)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").symlink_to(place)
    there = made_up(tmp_path / "results", WITHOUT_TUNING, finished=lambda place: place < 1, images=False)
    assert show(there, there.rows()).endswith(f"  advsweep results {sweep.sweep_id}\n")
