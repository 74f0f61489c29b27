"""Models that were certified and never attacked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.report.analysis.certificate_table import build_certificate_tables
from orchestrator.report.analysis.report_data import load_report_data
from orchestrator.report.write import write_report
from orchestrator.store.sweep_store import SweepStore
from tasks.trial.row import Row
from tests.support.certified_rows import attack, certificate
from tests.support.report_data import WITHOUT_TUNING, made_up
from tests.support.report_page import replace_library

SMOOTHING = {"name": "randomized_smoothing", "sigma": 0.25, "eps": {"grid_search": [0.25, 0.5]}, "examples": 100}


def certify(row: Row) -> tuple[float, float]:
    """The pruned model is certified more often at the larger budget, the whole one at the smaller."""
    ratio, eps = row["pruning_ratio"], row["attack_eps"]
    return 0.9 - 0.1 * ratio, {(0.0, 0.25): 0.7, (0.0, 0.5): 0.3}.get((ratio, eps), 0.5)


def make_certified(folder: Path) -> SweepStore:
    return made_up(folder, {**WITHOUT_TUNING, "attack": SMOOTHING}, rule=certify, images=False)


def test_a_line_for_each_model_and_the_most_certified_one_for_each_budget(tmp_path: Path) -> None:
    (table,) = build_certificate_tables(make_certified(tmp_path).rows())
    assert table.dataset == "digits"
    assert table.columns == ("pruned", "seeds", "images", "clean", "certified 0.25", "certified 0.5")
    assert [line[:3] for line in table.lines] == [("0", "3", "100"), ("0.4", "3", "100")]
    assert table.best == (
        "certified 0.25: 70.00 ± 0.00 %, 90.00 ± 0.00 % clean (pruned 0)",
        "certified 0.5: 50.00 ± 0.00 %, 86.00 ± 0.00 % clean (pruned 0.4)",
    )


def test_where_an_attack_was_run_the_band_shows_both() -> None:
    assert build_certificate_tables([certificate(), attack()]) == []
    (table,) = build_certificate_tables([certificate(), attack(transformations="jpeg(quality 50)")])
    assert table.dataset == certificate()["dataset"]


def test_tables_stand_by_the_names_of_their_data_sets_whatever_the_order_of_the_rows() -> None:
    names = ("svhn", "mnist", "digits", "cifar10", "animals10")
    rows = []
    for name in names:
        for number in (3, 1, 2):
            made = certificate(100 * number, dataset=name, trial_id=f"{number}{name[::-1]}", pruning_ratio=number / 10)
            rows.append(made | {"config": json.dumps(json.loads(made["config"]) | {"prune": {"ratio": number / 10}})})
    tables = build_certificate_tables(rows)
    assert [table.dataset for table in tables] == sorted(names)
    assert {len(table.lines) for table in tables} == {3}
    assert build_certificate_tables(rows[::-1]) == tables
    assert build_certificate_tables([row | {"status": "failed"} for row in rows]) == []


@pytest.mark.slow
def test_the_page_says_what_is_certified_and_not_that_nothing_is_finished(tmp_path: Path) -> None:
    sweep = make_certified(tmp_path)
    assert load_report_data([sweep]).studies == ()
    with replace_library():
        page = Path(write_report([sweep], tmp_path / "out", (), None).page).read_text()
    assert "What is certified on digits" in page
    assert "50.00 ± 0.00" in page
    assert "No finished trials" not in page
