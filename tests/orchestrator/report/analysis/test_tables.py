"""The rows of the figures."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from orchestrator.report.analysis.studies import group_studies
from orchestrator.report.analysis.study import Study
from orchestrator.report.analysis.tables import StudyTables, build_study_tables, find_worst_verdict
from tests.support.report_data import WITHOUT_TUNING, made_up


def test_every_trial_and_every_cell_has_a_row(made_study: Study, made_tables: StudyTables) -> None:
    assert (len(made_tables.trials), len(made_tables.cells)) == (180, 60)
    by_id = {row["trial_id"]: row for row in made_study.rows}
    for row in made_tables.trials:
        source = by_id[row["id"]]
        assert (row["clean"], row["robust"], row["seed"]) == (
            source["clean_accuracy"], source["robust_accuracy"], source["seed"]
        )  # fmt: skip
        assert row["eps"] == source["attack_eps"]
        assert row["epsText"] == f"{round(255 * source['attack_eps'])}/255"
        assert (row["a0"], row["s"]) == (str(source["pruning_ratio"]).removesuffix(".0"),) * 2
        assert row["d"] == ("defended" if source["lambda"] else "undefended")


def test_a_cell_is_the_mean_of_its_seeds_with_one_standard_deviation(
    made_study: Study, made_tables: StudyTables
) -> None:
    for cell, entry in zip(made_tables.cells, made_study.measured.values(), strict=True):
        assert cell["clean"] == pytest.approx(statistics.fmean(entry.clean))
        assert cell["cleanHigh"] - cell["clean"] == pytest.approx(statistics.stdev(entry.clean))
        assert cell["robust"] - cell["robustLow"] == pytest.approx(min(cell["robust"], statistics.stdev(entry.robust)))
        assert cell["robustText"].startswith(f"{100 * cell['robust']:.2f} ±")
        assert cell["trials"].split(", ") == [row["trial_id"] for row in entry.rows]


def test_one_seed_has_no_spread(tmp_path: Path) -> None:
    (study,) = group_studies(made_up(tmp_path, {**WITHOUT_TUNING, "seed": 0}, images=False).rows())
    cell = build_study_tables(study).cells[0]
    assert cell["cleanLow"] == cell["clean"] == cell["cleanHigh"]
    assert "±" not in cell["cleanText"]


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [
        (["ok", "suspicious", "ok"], "suspicious"),
        (["not tested", "ok", "not tested"], "ok"),
        (["not tested", None, None], "not tested"),
        ([None, None, None], "-"),
    ],
)
def test_the_worst_verdict_of_the_seeds_stands_for_all(verdicts: list[str | None], worst: str, tmp_path: Path) -> None:
    rows = made_up(tmp_path, WITHOUT_TUNING, images=False).rows()
    (study,) = group_studies([{**row, "verdict": verdicts[row["seed"]]} for row in rows])
    assert {find_worst_verdict(entry) for entry in study.measured.values()} == {worst}
    assert {cell["verdict"] for cell in build_study_tables(study).cells} == {worst}
